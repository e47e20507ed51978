"""Conversion of the columns of observed modalities to complete numeric features."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import Modality, MultimodalData, collapsed
from redcore.nn import Batch, step_mask

__all__ = ["CellTransform", "Cells", "forward_filled"]

FLAGGED = 0.05
"""Share of missing training cells above which a column gets an indicator column."""
SAMPLE_ROWS = 20_000
"""Largest number of samples, spread evenly over the data, from which medians are computed."""
COMPLETE_ROWS, RUNS = 2048, 16
"""Number of samples for the medians of a modality without missing training cells, and of their runs in a store."""
SEQUENCES = 512
"""Largest number of sequences from which medians are computed."""
ROWS_AT_ONCE = 4096


class CellTransform(nn.Module):
    """Fill the missing cells of one modality, and append an indicator column for each of its flagged columns.

    A missing cell is NaN. In sequences, it gets the last known value of the same column. The remaining cells get the
    value of `fill`. Indicator columns are 1 where the cell was missing, else 0. A column whose values float32 cannot
    distinguish is standardised in double precision first.

    Parameters
    ----------
    arrays : mapping of str to array
        ``fill``: value of each column for missing cells, float64 (n_features,). ``missing``: share of the training
        cells that are missing, float64 (n_features,). ``flagged``: positions of the flagged columns, int (n_flagged,).
        ``shift`` and ``scale``, float64 (n_features,), if a column is standardised; 0 and 1 for the other columns.
    """

    fill: Tensor
    missing: Tensor
    flagged: Tensor
    shift: Tensor | None
    scale: Tensor | None

    def __init__(self, arrays: Mapping[str, AnyArray]) -> None:
        super().__init__()
        for name in ("fill", "missing", "flagged", "shift", "scale"):
            self.register_buffer(name, torch.tensor(arrays[name]) if name in arrays else None)

    @classmethod
    def fit(cls, modality: Modality) -> "CellTransform":
        """Compute the medians and shares of missing cells of all observed rows (time steps) of `modality`."""
        missing = _missing_shares(modality)
        rows = _sampled(modality, SAMPLE_ROWS if modality.has_missing_cells else COMPLETE_ROWS)
        flagged = np.flatnonzero((missing > FLAGGED) & (missing < 1))
        fill = _medians(rows)
        return cls({"fill": fill, "missing": missing, "flagged": flagged, **_standardisation(rows, fill)})

    @property
    def n_features(self) -> int:
        """Number of columns of the input."""
        return len(self.fill)

    @property
    def n_outputs(self) -> int:
        """Number of columns of the result."""
        return len(self.fill) + len(self.flagged)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the input: double if a column is standardised, else float32."""
        return torch.float32 if self.scale is None else torch.float64

    @property
    def keeps_complete(self) -> bool:
        """True if float32 rows without missing cells do not change."""
        return not len(self.flagged) and self.scale is None

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
        if self.shift is not None and self.scale is not None:
            filled = ((filled - self.shift) / self.scale).float()
        if not len(self.flagged):
            return filled
        return torch.cat([filled, missing.index_select(-1, self.flagged).float()], dim=-1)

    def convert(self, modality: Modality) -> Modality:
        """Convert the values of a modality in memory."""
        values = modality.values
        has_missing = modality.has_missing_cells
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
        names = ("fill", "missing", "flagged", "shift", "scale")
        return {name: tensor.numpy() for name in names if (tensor := getattr(self, name)) is not None}


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
        return cls({name: CellTransform.fit(modality) for name, modality in data.modalities.items()})

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
        return replace(data, modalities=modalities, feature_names={})

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
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: Iterable[str]) -> "Cells":
        """Restore the conversion of the modalities `names` from the result of `to_arrays`."""
        own: dict[str, dict[str, AnyArray]] = {name: {} for name in names}
        for key, array in arrays.items():
            kind, _, name = key.partition("/")
            own[name][kind] = array
        return cls({name: CellTransform(part) for name, part in own.items()})


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


def _medians(rows: AnyArray) -> AnyArray:
    """Return the median of the known values of every column, 0 for columns without any."""
    medians = np.zeros(rows.shape[1])
    for column, values in enumerate(np.ascontiguousarray(rows.T)):
        known: BoolArray = ~np.isnan(values)
        if known.any():
            medians[column] = np.median(values if known.all() else values[known])
    return medians
