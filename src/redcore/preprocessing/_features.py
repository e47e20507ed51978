"""Feature preprocessing, fitted on the observed training rows only, one pass over data of any size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import BeforeValidator
from scipy.special import ndtri

from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import Modality, MultimodalData, moments, skewness

__all__ = ["Preprocessing", "Preprocessor", "automatic", "check_named"]

Kind: TypeAlias = Literal["auto", "standardize", "log1p", "quantile", "identity"]
OTHERS = "*"
"""Stands for all modalities that are not named."""

DEFAULT_CLIP = 20.0
ROWS_AT_ONCE = 65_536
SAMPLE_ROWS = 20_000
"""Rows that quantiles are taken from, spread evenly over the data."""
N_LANDMARKS = 256
SKEWED = 1.0
"""Absolute skewness from which "auto" maps a feature."""
EDGE = 1e-4
"""Least and 1 - largest level of a quantile transform: +-3.7 standard deviations."""


def _by_modality(value: Any) -> Any:
    """Read ``"quantile"`` or ``"audio=log1p,text=identity"``."""
    if not isinstance(value, str):
        return value
    pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
    return {(name.strip() or OTHERS): kind.strip() for name, _, kind in pairs}


Preprocessing: TypeAlias = Annotated[dict[str, Kind], BeforeValidator(_by_modality)]
"""Kind of preprocessing by modality; ``"*"`` stands for the modalities not named, ``"auto"`` unless given."""


def automatic() -> dict[str, Kind]:
    """Return the default: skewed features are mapped to the normal distribution, others standardised."""
    return {OTHERS: "auto"}


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """Turns features into numbers of about unit size.

    "standardize" is ``(x - mean) / scale``; "log1p" does the same to ``sign(x) log(1 + |x|)``; "quantile" maps the
    empirical distribution of each feature to the standard normal one; "auto" does that to features whose absolute
    skewness is over 1 and standardises the others; "identity" leaves them. All are bounded then.

    Attributes
    ----------
    kinds : dict of str to {"auto", "standardize", "log1p", "quantile", "identity"}
        By modality.
    arrays : dict of str to array
        ``mean/<modality>`` and ``scale/<modality>``, float64 (n_features,), and ``landmarks/<modality>``, float64
        (n_landmarks, n_features), with ``mapped/<modality>``, the numbers of the features they are of; as the kind
        needs. For sequences over all time steps.
    clip : float
        Bound on the absolute value afterwards.
    """

    kinds: dict[str, Kind]
    arrays: dict[str, AnyArray]
    clip: float = DEFAULT_CLIP

    edge: ClassVar[float] = EDGE

    @classmethod
    def fit(
        cls, data: MultimodalData, kinds: Mapping[str, Kind] | None = None, clip: float = DEFAULT_CLIP
    ) -> "Preprocessor":
        """Take the statistics of `data`."""
        by_name = _complete(kinds or {}, data.names)
        arrays: dict[str, AnyArray] = {}
        for name, modality in data.modalities.items():
            for what, array in _statistics(by_name[name], modality).items():
                arrays[f"{what}/{name}"] = array
        return cls(by_name, arrays, clip)

    def apply(self, data: MultimodalData) -> MultimodalData:
        """Return `data` preprocessed; it may lack modalities that are known here."""
        modalities = {name: modality.mapped(partial(self._values, name)) for name, modality in data.modalities.items()}
        return replace(data, modalities=modalities)

    def _values(self, name: str, values: AnyArray) -> AnyArray:
        """Preprocess the values of one modality, piece by piece: intermediate results are of double precision."""
        result = np.empty(values.shape, dtype=np.float32)
        for start in range(0, len(values), ROWS_AT_ONCE):
            piece = self._piece(name, values[start : start + ROWS_AT_ONCE])
            np.clip(piece, -self.clip, self.clip, out=result[start : start + ROWS_AT_ONCE], casting="same_kind")
        return result

    def _piece(self, name: str, values: AnyArray) -> AnyArray:
        kind = self.kinds[name]
        if kind == "identity":
            return values
        if kind == "quantile":
            return _to_normal(values, self.arrays[f"landmarks/{name}"])
        piece: AnyArray = (_unskewed(kind, values) - self.arrays[f"mean/{name}"]) / self.arrays[f"scale/{name}"]
        if kind == "auto":
            mapped = self.arrays[f"mapped/{name}"]
            piece[:, mapped] = _to_normal(values[:, mapped], self.arrays[f"landmarks/{name}"])
        return piece

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the statistics by name."""
        return dict(self.arrays)

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, AnyArray],
        names: Iterable[str],
        kinds: Mapping[str, Kind] | None = None,
        clip: float = DEFAULT_CLIP,
    ) -> Self:
        """Restore what `to_arrays` returned, for the modalities `names`."""
        return cls(_complete(kinds or {}, names), dict(arrays), clip)


def _complete(kinds: Mapping[str, Kind], names: Iterable[str]) -> dict[str, Kind]:
    others = kinds.get(OTHERS, "auto")
    return {name: kinds.get(name, others) for name in names}


def check_named(kinds: Mapping[str, Kind], names: Iterable[str]) -> None:
    """Raise `UnknownNameError` if `kinds` names a modality that there is not."""
    check_known("modality (of preprocessing)", [name for name in kinds if name != OTHERS], names)


def _pieces(modality: Modality) -> Iterator[AnyArray]:
    for chunk in modality.chunks():
        for start in range(0, len(chunk), ROWS_AT_ONCE):
            yield chunk[start : start + ROWS_AT_ONCE]


def _statistics(kind: Kind, modality: Modality) -> dict[str, AnyArray]:
    if kind == "identity":
        return {}
    if kind == "quantile":
        return {"landmarks": _landmarks(_spread_rows(modality))}
    if kind == "auto":
        rows = _spread_rows(modality)
        mapped = np.flatnonzero(np.abs(skewness(rows)) > SKEWED)
        return {**_moments(kind, modality), "mapped": mapped, "landmarks": _landmarks(rows[:, mapped])}
    return _moments(kind, modality)


def _moments(kind: Kind, modality: Modality) -> dict[str, AnyArray]:
    unskewed = (_unskewed(kind, piece) for piece in _pieces(modality))
    mean, scale = moments(unskewed, modality.n_features)
    return {"mean": mean, "scale": scale}


def _unskewed(kind: Kind, values: AnyArray) -> AnyArray:
    if kind != "log1p":
        return values
    wide = values.astype(np.float64)
    return np.asarray(np.sign(wide) * np.log1p(np.abs(wide)))


def _spread_rows(modality: Modality) -> AnyArray:
    """Return at most about `SAMPLE_ROWS` observed rows (time steps), spread evenly over the data."""
    n_rows = sum(len(piece) for piece in _pieces(modality)) if modality.is_sequence else modality.n_observed
    stride, seen, sample = max(1, -(-n_rows // SAMPLE_ROWS)), 0, []
    for piece in _pieces(modality):
        sample.append(piece[-seen % stride :: stride])
        seen += len(piece)
    return np.concatenate(sample).astype(np.float64) if sample else np.zeros((0, modality.n_features))


def _landmarks(rows: AnyArray) -> AnyArray:
    """Return quantiles of every feature at evenly spaced levels."""
    if not len(rows):
        return np.zeros((2, rows.shape[1]))
    quantiles: AnyArray = np.quantile(rows, np.linspace(0, 1, min(N_LANDMARKS, max(2, len(rows)))), axis=0)
    return quantiles


def _to_normal(values: AnyArray, landmarks: AnyArray) -> AnyArray:
    levels = np.linspace(0, 1, len(landmarks))
    result = np.empty(values.shape)
    for feature in range(values.shape[1]):
        column, marks = values[:, feature].astype(np.float64), landmarks[:, feature]
        # from both sides, so that a value that occurs often gets the middle of its levels
        rising = np.interp(column, marks, levels)
        falling = np.interp(-column, -marks[::-1], -levels[::-1])
        result[:, feature] = (rising - falling) / 2
    return np.asarray(ndtri(result.clip(EDGE, 1 - EDGE)))
