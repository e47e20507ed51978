"""Conversion of the columns of observed modalities to complete numeric features."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from redcore._arrays import by_suffix
from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import Modality, MultimodalData, collapsed
from redcore.exceptions import DataError, NonFiniteError
from redcore.nn import Batch, step_mask

__all__ = ["CellTransform", "Cells", "RawTransform", "forward_filled"]

FLAGGED = 0.05
"""Share of missing training cells above which a column gets an indicator column."""
SAMPLE_ROWS = 20_000
"""Largest number of samples, spread evenly over the data, from which medians are computed."""
COMPLETE_ROWS, RUNS = 2048, 16
"""Number of samples for the medians of a modality without missing training cells, and of their runs in a store."""
SEQUENCES = 512
"""Largest number of sequences from which medians are computed."""
ROWS_AT_ONCE = 4096
MAX_CATEGORIES = 40
"""Number of categories of a column that get a column of their own."""
IDENTIFIERS, FEW_CATEGORIES = 0.8, 20
"""A column is rejected if it has more than `FEW_CATEGORIES`, and more than `IDENTIFIERS` times as many as samples."""

NAMES = ("fill", "missing", "flagged", "shift", "scale", "coded", "first", "places", "raw")
Column = tuple[str, int]
"""Description of a column of categories in error messages, and the number of its categories."""


class CellTransform(nn.Module):
    """Fill the missing cells of one modality, encode its categories, and append an indicator for each flagged column.

    A missing cell is NaN. In sequences, it gets the last known value of the same column. The remaining cells get the
    value of `fill`. Indicator columns are 1 where the cell was missing, else 0. A column whose values float32 cannot
    distinguish is standardised in double precision first. A column of categories becomes one column of zeros and ones
    for each of its 40 most frequent training categories, and one for its other training categories, if there are more.
    These columns are zero for unknown categories.

    The result has the numeric columns first, then the encoded categories, then the indicators.

    Parameters
    ----------
    arrays : mapping of str to array
        ``fill``: value of each column for missing cells, float64 (n_features,). ``missing``: share of the training
        cells that are missing, float64 (n_features,). ``flagged``: positions of the flagged columns, int (n_flagged,).
        ``shift`` and ``scale``, float64 (n_features,), if a column is standardised; 0 and 1 for the other columns.
        ``coded``: positions of the columns of categories, int (n_coded,). ``first``: start of each of them in
        ``places``, int (n_coded,). ``places``: place of every category, and of "unknown", among the encoded columns,
        int; -1 for none. These three only if there are columns of categories.
    """

    fill: Tensor
    missing: Tensor
    flagged: Tensor
    shift: Tensor | None
    scale: Tensor | None
    coded: Tensor | None
    first: Tensor
    places: Tensor
    raw: Tensor
    last: Tensor
    numeric: Tensor

    def __init__(self, arrays: Mapping[str, AnyArray]) -> None:
        super().__init__()
        for name in NAMES:
            self.register_buffer(name, torch.tensor(arrays[name]) if name in arrays else None)
        self.n_encoded = 0
        if self.coded is not None:
            self.n_encoded = int(self.places.max()) + 1
            ends = torch.cat([self.first[1:], torch.tensor([len(self.places)])])
            self.register_buffer("last", ends - 1)
            is_numeric = np.ones(len(self.fill), dtype=bool)
            is_numeric[self.coded.numpy()] = False
            self.register_buffer("numeric", torch.from_numpy(np.flatnonzero(is_numeric)))

    @classmethod
    def fit(cls, modality: Modality, categories: Mapping[int, Column] | None = None) -> "CellTransform":
        """Compute the statistics of all observed rows (time steps) of `modality`.

        Parameters
        ----------
        modality : Modality
        categories : mapping of int to (description, number of categories), optional
            Columns of categories.

        Raises
        ------
        DataError
            If a column of categories has nearly as many categories as samples.
        """
        missing = _missing_shares(modality)
        rows = _sampled(modality, SAMPLE_ROWS if modality.has_missing_cells else COMPLETE_ROWS)
        flagged = np.flatnonzero((missing > FLAGGED) & (missing < 1))
        fill = _medians(rows)
        arrays = {"fill": fill, "missing": missing, "flagged": flagged}
        return cls({**arrays, **_standardisation(rows, fill), **_encoding(rows, fill, categories or {})})

    @classmethod
    def unfitted(cls, n_features: int) -> "CellTransform":
        """Return the transform of models without a conversion, which rejects missing cells."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls({"fill": np.full(n_features, np.nan), "missing": np.zeros(n_features), "flagged": nothing})

    @property
    def n_features(self) -> int:
        """Number of columns of the input."""
        return len(self.fill)

    @property
    def n_outputs(self) -> int:
        """Number of columns of the result."""
        n_numeric = len(self.fill) if self.coded is None else len(self.numeric)
        return n_numeric + self.n_encoded + len(self.flagged)

    @property
    def n_tokens(self) -> int:
        """Number of known token ids; 0 for other modalities."""
        return 0

    @property
    def dtype(self) -> torch.dtype:
        """Type of the input: double if a column is standardised, else float32."""
        return torch.float32 if self.scale is None else torch.float64

    @property
    def keeps_complete(self) -> bool:
        """True if float32 rows without missing cells do not change."""
        return not len(self.flagged) and self.scale is None and self.coded is None

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """Convert vectors (n, n_features), or padded sequences (n, time, n_features) with their lengths (n,).

        The result is float32 with `n_outputs` columns, and zero in the padding.
        """
        missing = values.isnan()
        if lengths is None:
            return self.complete(values, missing)
        real = step_mask(lengths, values.shape[1])[..., None]
        return torch.where(real, self.complete(_filled_forward(values, missing), missing), 0.0)

    def complete(self, values: Tensor, missing: Tensor) -> Tensor:
        """Fill the NaN of `values`, (..., n_features), and append the indicators of the cells that were `missing`."""
        values = values.to(self.dtype)
        filled = torch.where(values.isnan(), self.fill.to(self.dtype), values)
        parts = [filled]
        if self.shift is not None and self.scale is not None:
            parts = [((filled - self.shift) / self.scale).float()]
        if self.coded is not None:
            parts = [parts[0].index_select(-1, self.numeric), self._encoded(filled.index_select(-1, self.coded))]
        if len(self.flagged):
            parts.append(missing.index_select(-1, self.flagged).float())
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def _encoded(self, codes: Tensor) -> Tensor:
        """Return zeros and ones, (..., n_encoded), for codes of categories, (..., n_coded)."""
        place = self.places[torch.minimum(codes.long().clamp(min=0) + self.first, self.last)]
        # one more column collects the categories without a place
        place = torch.where(place < 0, self.n_encoded, place)
        empty = torch.zeros_like(codes[..., :1]).float().repeat(*[1] * (codes.dim() - 1), self.n_encoded + 1)
        return empty.scatter(-1, place, 1.0)[..., : self.n_encoded]

    def convert(self, modality: Modality) -> Modality:
        """Convert the values of a modality in memory."""
        values = modality.values
        has_missing = modality.has_missing_cells
        if has_missing and bool(self.fill.isnan().any()):
            raise NonFiniteError("cells are missing, but the model was saved by a version that does not fill them")
        if self.keeps_complete and not has_missing and values.dtype == np.float32:
            return modality
        filled = values
        if has_missing and modality.offsets is not None:
            filled = forward_filled(values, modality.offsets)
        result = np.empty((len(values), self.n_outputs), dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(values), ROWS_AT_ONCE):
                chunk = slice(start, start + ROWS_AT_ONCE)
                missing = torch.from_numpy(np.isnan(values[chunk]))
                result[chunk] = self.complete(torch.tensor(filled[chunk]), missing).numpy()
        return Modality(result, modality.position, modality.offsets)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the fitted arrays by name."""
        return {name: tensor.numpy() for name in NAMES if (tensor := getattr(self, name)) is not None}


class RawTransform(CellTransform):
    """Pass images on unchanged, and replace token ids that are unknown from training by the number of known ids.

    Parameters
    ----------
    arrays : mapping of str to array
        ``raw``: number of features, and number of known token ids (0 for images), int (2,). The other arrays of
        `CellTransform` are empty.
    """

    @classmethod
    def fit_raw(cls, modality: Modality) -> "RawTransform":
        """Count the token ids of `modality`."""
        n_tokens = 0
        if modality.padding is not None:
            n_tokens = 1 + max((int(chunk.max()) for chunk in modality.chunks() if chunk.size), default=0)
        nothing, raw = np.zeros(0), np.array([modality.n_features, n_tokens])
        return cls({"fill": nothing, "missing": nothing, "flagged": np.zeros(0, dtype=np.int64), "raw": raw})

    @property
    def n_tokens(self) -> int:
        """Number of known token ids; 0 for images."""
        return int(self.raw[1])

    @property
    def n_features(self) -> int:
        """Number of pixels in all channels; 1 for token ids."""
        return int(self.raw[0])

    @property
    def n_outputs(self) -> int:
        """Number of columns of the result."""
        return self.n_features

    @property
    def keeps_complete(self) -> bool:
        """True for images."""
        return not self.n_tokens

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """Convert images (n, channels, height, width), or token ids (n, time)."""
        return values.clamp(max=self.n_tokens) if self.n_tokens else values

    def convert(self, modality: Modality) -> Modality:
        """Convert a modality in memory."""
        if not self.n_tokens or not (modality.values >= self.n_tokens).any():
            return modality
        return modality.mapped(lambda ids: np.minimum(ids, self.n_tokens))


class Cells(nn.Module):
    """Conversion of all modalities to complete numeric features, fitted to the training samples.

    Parameters
    ----------
    transforms : mapping of str to CellTransform
        By modality, sorted by name.
    """

    def __init__(self, transforms: Mapping[str, CellTransform]) -> None:
        super().__init__()
        self.names = list(transforms)
        self.transforms = nn.ModuleList(transforms.values())

    @classmethod
    def fit(cls, data: MultimodalData) -> "Cells":
        """Fit the conversion of every modality of `data`; each must be observed at least once."""
        transforms: dict[str, CellTransform] = {}
        for name, modality in data.modalities.items():
            if modality.is_raw:
                transforms[name] = RawTransform.fit_raw(modality)
                continue
            names, own = data.feature_names.get(name, ()), data.categories.get(name, {})
            columns = {
                names.index(feature): (f"modality {name!r}, column {feature!r}", len(own[feature])) for feature in own
            }
            transforms[name] = CellTransform.fit(modality, columns)
        return cls(transforms)

    def __getitem__(self, name: str) -> CellTransform:
        transform = self.transforms[self.names.index(name)]
        assert isinstance(transform, CellTransform)
        return transform

    def forward(self, batch: Batch) -> Batch:
        """Convert a batch of exactly the modalities of `names`."""
        parts = [
            part._replace(values=transform(part.values, part.lengths)) if part.rows.shape[0] else part
            for transform, part in zip(self.transforms, batch.modalities, strict=True)
        ]
        return batch._replace(modalities=tuple(parts))

    def transform(self, data: MultimodalData) -> MultimodalData:
        """Convert the modalities of `data`; stored values are converted when they are read."""
        modalities = {}
        for name, modality in data.modalities.items():
            own = self[name]
            unchanged = modality.stored and own.keeps_complete and not modality.has_missing_cells
            modalities[name] = modality if unchanged else modality.converted(own.convert, own.n_outputs)
        return replace(data, modalities=modalities, feature_names={}, categories={})

    def shares(self) -> dict[str, dict[int, float]]:
        """Return the share of missing training cells by modality and column, for the columns with any."""
        shares = {name: self[name].missing.numpy() for name in self.names}
        return {
            name: {column: float(missing[column]) for column in np.flatnonzero(missing).tolist()}
            for name, missing in shares.items()
            if missing.any()
        }

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the fitted arrays by name, ``<array>/<modality>``."""
        return {f"{key}/{name}": array for name in self.names for key, array in self[name].to_arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], n_features: Mapping[str, int]) -> "Cells":
        """Restore the conversion from the result of `to_arrays`; `n_features` is the number of columns by modality.

        Without arrays, the conversion changes nothing and rejects missing cells.
        """
        if not arrays:
            return cls({name: CellTransform.unfitted(count) for name, count in n_features.items()})
        fitted = by_suffix(n_features, arrays)
        return cls({name: (RawTransform if "raw" in own else CellTransform)(own) for name, own in fitted.items()})


def forward_filled(values: AnyArray, offsets: IntArray) -> AnyArray:
    """Return concatenated sequences with every NaN replaced by the last known value of its column, if there is one.

    Parameters
    ----------
    values : array (total_time, n_features)
    offsets : int array (n_sequences + 1,)
        Start of each sequence, followed by the total number of time steps.
    """
    known = ~np.isnan(values)
    steps = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(known, steps, -1), axis=0)
    start = np.repeat(offsets[:-1], np.diff(offsets))[:, None]
    return np.where(last >= start, np.take_along_axis(values, last.clip(min=0), axis=0), values)


def _filled_forward(values: Tensor, missing: Tensor) -> Tensor:
    """Return padded sequences (n, time, n_features) filled as by `forward_filled`, with operations of ONNX."""
    rank = (~missing).long().cumsum(dim=1)
    unknown = torch.full_like(values[:, :1], torch.nan)
    # the known values of every column one after the other; place 0 collects the missing ones
    known = torch.cat([unknown, values], dim=1).scatter(1, torch.where(missing, 0, rank), values)
    return torch.where(rank == 0, torch.nan, known.gather(1, rank)).to(values.dtype)


def _missing_shares(modality: Modality) -> AnyArray:
    """Return the share of missing cells of every column, float64 (n_features,)."""
    if not modality.has_missing_cells:
        return np.zeros(modality.n_features)
    n_rows, counts = 0, np.zeros(modality.n_features)
    for chunk in modality.chunks():
        for start in range(0, len(chunk), ROWS_AT_ONCE):
            counts += np.isnan(chunk[start : start + ROWS_AT_ONCE]).sum(axis=0)
        n_rows += len(chunk)
    return counts / n_rows


def _sampled(modality: Modality, n_samples: int) -> AnyArray:
    """Return the rows (time steps) of at most `n_samples` observed samples, float64.

    The samples are spread evenly. In a store they form runs, so that few blocks are read, unless all are needed.
    """
    observed = np.flatnonzero(modality.availability)
    n_samples = min(n_samples, SEQUENCES) if modality.is_sequence else n_samples
    if len(observed) > n_samples:
        n_runs = RUNS if modality.stored and n_samples <= COMPLETE_ROWS else n_samples
        length = n_samples // n_runs
        starts = np.linspace(0, len(observed) - length, n_runs).astype(np.int64)
        observed = observed[(starts[:, None] + np.arange(length)).ravel()]
    return modality.take(observed).loaded().values.astype(np.float64)


def _standardisation(rows: AnyArray, medians: AnyArray) -> dict[str, AnyArray]:
    """Return shift and scale for the columns that float32 cannot represent; nothing without such columns."""
    coarse = collapsed(rows) if len(rows) else np.zeros(rows.shape[1], dtype=bool)
    if not coarse.any():
        return {}
    shift, scale = np.where(coarse, medians, 0.0), np.ones(rows.shape[1])
    for column in np.flatnonzero(coarse).tolist():
        scale[column] = np.nanstd(rows[:, column]) or 1.0
    return {"shift": shift, "scale": scale}


def _encoding(rows: AnyArray, fill: AnyArray, categories: Mapping[int, Column]) -> dict[str, AnyArray]:
    """Return the arrays of the columns of categories, and set their `fill` to the most frequent category."""
    if not categories:
        return {}
    first: list[int] = []
    places: list[IntArray] = []
    n_encoded = 0
    for column, (what, n_categories) in sorted(categories.items()):
        codes = rows[~np.isnan(rows[:, column]), column].astype(np.int64)
        counts = np.bincount(codes, minlength=n_categories + 1)[:n_categories]
        n_used = int(np.count_nonzero(counts))
        if n_used > FEW_CATEGORIES and n_used > IDENTIFIERS * len(codes):
            raise DataError(
                f"{what} has {n_used} different values in {len(codes)} samples. If it is free text, set option text to "
                "its name; otherwise leave it out of the modality, or replace it by numbers or by fewer categories"
            )
        fill[column] = counts.argmax() if n_used else n_categories
        order = np.argsort(-counts, kind="stable")[:n_used]
        place = np.full(n_categories + 1, -1, dtype=np.int64)
        place[order] = n_encoded + np.minimum(np.arange(n_used), MAX_CATEGORIES)
        first.append(sum(len(own) for own in places))
        places.append(place)
        n_encoded += min(n_used, MAX_CATEGORIES + 1)
    return {"coded": np.array(sorted(categories)), "first": np.array(first), "places": np.concatenate(places)}


def _medians(rows: AnyArray) -> AnyArray:
    """Return the median of the known values of every column, 0 for columns without any."""
    medians = np.zeros(rows.shape[1])
    for column, values in enumerate(np.ascontiguousarray(rows.T)):
        known: BoolArray = ~np.isnan(values)
        if known.any():
            medians[column] = np.median(values if known.all() else values[known])
    return medians
