"""Preprocessing of all modalities, fitted to the observed training rows in one pass over data of any size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from pydantic import BeforeValidator
from torch import Tensor, nn

from redcore._arrays import by_suffix
from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import Modality, MultimodalData, moments, skewness
from redcore.nn import Batch, ObservedTensor, map_steps
from redcore.preprocessing._raw import ImageTransform, TokenTransform, raw_transform
from redcore.preprocessing._transforms import FeatureTransform, Kind, symmetric_log

__all__ = ["Clip", "Preprocessing", "Preprocessor", "automatic", "check_named"]

OTHERS = "*"
"""Key that stands for all modalities without a key of their own."""

DEFAULT_CLIP = 20.0
Clip: TypeAlias = float | Mapping[str, float]
ROWS_AT_ONCE = 65_536
SAMPLE_ROWS = 20_000
"""Number of rows, spread evenly over the data, from which quantiles are computed."""
N_LANDMARKS = 256
SKEWED = 1.0
"""Absolute skewness above which "auto" maps a feature to the normal distribution."""


def _by_modality(value: Any) -> Any:
    """Parse ``"quantile"`` or ``"audio=log1p,text=identity"``."""
    if not isinstance(value, str):
        return value
    pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
    return {(name.strip() or OTHERS): kind.strip() for name, _, kind in pairs}


Preprocessing: TypeAlias = Annotated[dict[str, Kind], BeforeValidator(_by_modality)]
"""Kind of preprocessing by modality. The key ``"*"`` stands for the other modalities; its default is ``"auto"``."""


def automatic() -> dict[str, Kind]:
    """Return the default: skewed features are mapped to the normal distribution, the others are standardised."""
    return {OTHERS: "auto"}


class Preprocessor(nn.Module):
    """Feature preprocessing of all modalities.

    "standardize" is ``(x - mean) / scale``. "log1p" standardises ``sign(x) log(1 + |x|)``. "quantile" maps the
    empirical distribution of each feature to the standard normal distribution. "auto" does so for features with an
    absolute skewness above 1 and standardises the others. "identity" changes nothing. Results are then clipped. For
    images, "auto" and "standardize" use one mean and scale per channel. Token ids never change.

    Parameters
    ----------
    transforms : mapping of str to FeatureTransform, ImageTransform or TokenTransform
        By modality, in the order of the modalities of a batch.
    """

    def __init__(self, transforms: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.names = list(transforms)
        self.transforms = nn.ModuleList(transforms.values())

    @classmethod
    def fit(
        cls, data: MultimodalData, kinds: Mapping[str, Kind] | None = None, clip: Clip = DEFAULT_CLIP
    ) -> "Preprocessor":
        """Compute the statistics of the observed rows of `data`; those of sequences are over all time steps.

        Parameters
        ----------
        data : MultimodalData
        kinds : mapping of str to str, optional
            See `Preprocessing`.
        clip : float or mapping of str to float
            Bound on the absolute value of the results, by modality like `kinds`; may be infinite.
        """
        by_name, bounds = _complete(kinds or {}, data.names), _bounds(clip, data.names)
        return cls(
            {
                name: raw_transform(name, by_name[name], modality, bounds[name])
                if modality.is_raw
                else FeatureTransform(by_name[name], _statistics(by_name[name], modality), bounds[name])
                for name, modality in data.modalities.items()
            }
        )

    @property
    def kinds(self) -> dict[str, Kind]:
        """Kind of preprocessing by modality."""
        return {name: transform.kind for name, transform in self._by_name().items()}

    def _by_name(self) -> dict[str, Any]:
        pairs: Iterable[Any] = zip(self.names, self.transforms, strict=True)
        return dict(pairs)

    def forward(self, batch: Batch) -> Batch:
        """Preprocess a batch of exactly the modalities of `names`; the padding of sequences stays zero."""
        parts = [
            part._replace(values=_mapped(transform, part)) if part.rows.shape[0] else part
            for transform, part in zip(self.transforms, batch.modalities, strict=True)
        ]
        return batch._replace(modalities=tuple(parts))

    def transform(self, data: MultimodalData) -> MultimodalData:
        """Preprocess a data set, which may lack modalities of `names`.

        Stored values are preprocessed when they are read. Images are preprocessed batch by batch.
        """
        transforms, modalities = self._by_name(), {}
        for name, modality in data.modalities.items():
            if modality.padding is not None or not modality.n_observed:
                modalities[name] = modality
            elif modality.shape is not None:
                modalities[name] = modality.mapped_in_batches(transforms[name].map_array)
            else:
                modalities[name] = modality.mapped(transforms[name].map_array)
        return replace(data, modalities=modalities)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the statistics by name, ``<statistic>/<modality>``."""
        return {
            f"{statistic}/{name}": array
            for name, transform in self._by_name().items()
            for statistic, array in transform.to_arrays().items()
        }

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, AnyArray],
        names: Iterable[str],
        kinds: Mapping[str, Kind] | None = None,
        clip: Clip = DEFAULT_CLIP,
    ) -> "Preprocessor":
        """Restore the preprocessor of the modalities `names` from the result of `to_arrays`."""
        statistics = by_suffix(names, arrays)
        by_name, bounds = _complete(kinds or {}, statistics), _bounds(clip, statistics)
        transforms = {name: _restored(by_name[name], own, bounds[name]) for name, own in statistics.items()}
        return cls(transforms)


def _mapped(transform: nn.Module, part: ObservedTensor) -> Tensor:
    if part.values.ndim == 3:
        return map_steps(transform, part.values, part.lengths)
    mapped: Tensor = transform(part.values)
    return mapped


def _restored(kind: Kind, statistics: Mapping[str, AnyArray], clip: float) -> nn.Module:
    if "tokens" in statistics:
        return TokenTransform()
    is_image = "channel_mean" in statistics
    return ImageTransform(statistics, clip) if is_image else FeatureTransform(kind, statistics, clip)


def _complete(kinds: Mapping[str, Kind], names: Iterable[str]) -> dict[str, Kind]:
    others = kinds.get(OTHERS, "auto")
    return {name: kinds.get(name, others) for name in names}


def _bounds(clip: Clip, names: Iterable[str]) -> dict[str, float]:
    by_name = clip if isinstance(clip, Mapping) else {OTHERS: clip}
    return {name: by_name.get(name, by_name[OTHERS]) for name in names}


def check_named(kinds: Mapping[str, Kind], names: Iterable[str]) -> None:
    """Raise `UnknownNameError` if a key of `kinds` is not among the modalities `names`."""
    check_known("modality (of preprocessing)", [name for name in kinds if name != OTHERS], names)


def _row_chunks(modality: Modality) -> Iterator[AnyArray]:
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
    unskewed = (_unskewed(kind, chunk) for chunk in _row_chunks(modality))
    mean, scale = moments(unskewed, modality.n_features)
    return {"mean": mean, "scale": scale}


def _unskewed(kind: Kind, values: AnyArray) -> AnyArray:
    return symmetric_log(torch.from_numpy(values.astype(np.float64))).numpy() if kind == "log1p" else values


def _spread_rows(modality: Modality) -> AnyArray:
    """Return at most about `SAMPLE_ROWS` observed rows (time steps), spread evenly over the data."""
    n_rows = sum(len(chunk) for chunk in _row_chunks(modality)) if modality.is_sequence else modality.n_observed
    stride, n_seen, sample = max(1, -(-n_rows // SAMPLE_ROWS)), 0, []
    for chunk in _row_chunks(modality):
        sample.append(chunk[-n_seen % stride :: stride])
        n_seen += len(chunk)
    return np.concatenate(sample).astype(np.float64) if sample else np.zeros((0, modality.n_features))


def _landmarks(rows: AnyArray) -> AnyArray:
    """Return quantiles of every feature at evenly spaced levels, (n_landmarks, n_features)."""
    if not len(rows):
        return np.zeros((2, rows.shape[1]))
    quantiles: AnyArray = np.quantile(rows, np.linspace(0, 1, min(N_LANDMARKS, max(2, len(rows)))), axis=0)
    return quantiles
