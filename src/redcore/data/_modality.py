"""Packed storage of the observed values of one modality."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, get_args

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import (
    NanPolicy,
    check_known,
    check_lengths,
    check_observed_values,
    is_missing,
    numeric_array,
)
from redcore.data._precision import packed_dtype, warn_of_rounding
from redcore.data._raw import Packed, holds_images, pack_images, pack_tokens
from redcore.exceptions import ShapeError

__all__ = ["Modality", "Observed"]

ROWS_AT_ONCE = 1024
"""Number of rows of an array in Fortran order that are reordered at once."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Observed values of one modality in a selection of samples.

    Attributes
    ----------
    rows : int array (n_observed,)
        Positions in the selection of the samples that observe the modality, ascending.
    values : array (n_observed, n_features) or (n_observed, max_length, n_features)
        Values of these samples. Sequences are padded with zeros at the end. Images are (n_observed, channels, height,
        width). Token ids are int64 (n_observed, max_length), padded with the padding id.
    lengths : int array (n_observed,) or None
        Sequence lengths, None for vectors and images.
    """

    rows: IntArray
    values: AnyArray
    lengths: IntArray | None


@dataclass(frozen=True, eq=False)
class Modality:
    """One modality of a data set. Only the values of observed samples are stored, one after the other.

    Attributes
    ----------
    values : array (n_observed, n_features) or (total_time, n_features)
        Observed values, read-only. For sequences, the concatenated time steps of all observed samples. NaN is a
        missing cell of an observed row. The type is float32, or float64 if float32 cannot distinguish the values of a
        feature. Images are flattened, uint8 or float32. Token ids are int32 (total_time, 1).
    position : int array (n_samples,)
        Index of each sample among the observed samples, -1 if the modality is missing.
    offsets : int array (n_observed + 1,) or None
        For sequences: start of each sequence in `values`, followed by the total number of time steps. None for vectors.
    shape : tuple (channels, height, width) or None
        Shape of an image; None for other modalities.
    padding : int or None
        Padding id of sequences of token ids; None for other modalities.
    on_gather : tuple of callables
        Functions that are applied to the values of every batch, one after the other; see `mapped_in_batches`.

    Examples
    --------
    >>> audio = Modality.from_values("audio", [[1.0, 2.0], None, [3.0, 4.0]])
    >>> audio.availability
    array([ True, False,  True])
    >>> audio.values.shape
    (2, 2)
    """

    values: AnyArray
    position: IntArray
    offsets: IntArray | None = None
    shape: tuple[int, ...] | None = None
    padding: int | None = None
    on_gather: tuple[Callable[[AnyArray], AnyArray], ...] = ()

    stored: ClassVar[bool] = False
    """True if the values are on disk and read on access."""

    def __post_init__(self) -> None:
        self.values.flags.writeable = False

    @classmethod
    def from_values(
        cls,
        name: str,
        values: Any,
        *,
        observed: BoolArray | None = None,
        lengths: Any = None,
        nan_rows: NanPolicy = "keep",
        padding: int | None = None,
        copy: bool = True,
        names: Sequence[str] | None = None,
    ) -> "Modality":
        """Create a modality from values of all samples.

        Parameters
        ----------
        name : str
            Name for error messages.
        values : array or list
            Array (n_samples, n_features), (n_samples,) for a single feature, (n_samples, time, n_features), or
            (n_samples, channels, height, width) for images; or a list with one entry per sample: None, a vector, a
            (time, n_features) array, or a (channels, height, width) array. With `padding`, (n_samples, time) or one
            (time,) array per sample.
        observed : bool array (n_samples,), optional
            False where the modality is missing. The values of these samples are never read.
        lengths : int array (n_samples,), optional
            Sequence lengths, only for a three-dimensional array. By default, trailing time steps with only NaN are
            padding.
        nan_rows : {"keep", "error", "missing"}, default "keep"
            Treatment of NaN inside an otherwise observed row: keep it as a missing cell, raise an error, or treat the
            row as missing. NaN in a part of an image is always an error.
        padding : int, optional
            Padding id of sequences of token ids. Default: the values are not token ids.
        copy : bool, default True
            If False, an array of vectors is not copied unless its type changes, and keeps its order in memory.
        names : sequence of str, optional
            Names of the features, for messages.

        Raises
        ------
        ShapeError, DataError, NonFiniteError
            If values are invalid. The message names the modality and the row.
        UnknownNameError
            If `nan_rows` has another value.

        Warns
        -----
        DataWarning
            If whole numbers are too large to be exact in float64.
        """
        check_known("nan_rows", [nan_rows], get_args(NanPolicy))
        if padding is not None:
            return _of_raw(pack_tokens(name, values, observed, lengths, padding), len(values), padding)
        if holds_images(values):
            return _of_raw(pack_images(name, values, observed), len(values))
        if isinstance(values, list | tuple) or getattr(getattr(values, "dtype", None), "kind", "") == "O":
            dense = _dense_list(values)
            if dense is None:
                return _from_entries(name, list(values), observed, lengths, nan_rows, names)
            values = dense
        array = numeric_array(f"modality {name!r}", values)
        if array.ndim == 1:
            array = array[:, None]
        warn_of_rounding(f"modality {name!r}", array, names)
        if array.ndim not in (2, 3) or array.shape[-1] == 0:
            raise ShapeError(
                f"modality {name!r} has shape {array.shape}, expected (n_samples, n_features) or "
                "(n_samples, time, n_features) with at least one feature"
            )
        rows = np.arange(len(array)) if observed is None else np.flatnonzero(observed)
        if array.ndim == 3:
            sequence_lengths = _dense_lengths(name, array, rows, lengths)
            keep = sequence_lengths > 0
            rows, sequence_lengths = rows[keep], sequence_lengths[keep]
            sample, step = _ragged_indices(rows, np.zeros_like(rows), sequence_lengths)
            return _pack_sequences(name, array[sample, step], rows, sequence_lengths, len(array), nan_rows, names)
        if lengths is not None:
            raise ShapeError(f"modality {name!r} has lengths but is not (n_samples, time, n_features)")
        values = array if len(rows) == len(array) else array[rows]
        return _pack_vectors(name, values, rows, len(array), nan_rows, copy, names)

    @classmethod
    def nothing(cls, n_samples: int) -> "Modality":
        """Return a modality that is missing in all samples. Its number of features is unknown (0)."""
        return cls(np.empty((0, 0), dtype=np.float32), np.full(n_samples, -1, dtype=np.int64))

    @property
    def n_samples(self) -> int:
        """Number of samples, including those in which the modality is missing."""
        return len(self.position)

    @property
    def n_features(self) -> int:
        """Number of features per sample or time step; 0 if the modality is missing in all samples."""
        return int(self.values.shape[1])

    @property
    def is_sequence(self) -> bool:
        """True if samples are sequences, False if they are vectors."""
        return self.offsets is not None

    @property
    def is_raw(self) -> bool:
        """True for images and token ids, which are neither filled nor standardised feature by feature."""
        return self.shape is not None or self.padding is not None

    @property
    def dtype(self) -> str:
        """Type of the values, such as "float32"."""
        return str(self.values.dtype)

    @property
    def form(self) -> str:
        """Kind of the samples: "vectors", "sequences", "images" or "token ids"."""
        if self.is_raw:
            return "token ids" if self.shape is None else "images"
        return "sequences" if self.is_sequence else "vectors"

    @property
    def availability(self) -> BoolArray:
        """Availability mask, bool (n_samples,), True = observed."""
        return self.position >= 0

    @property
    def n_observed(self) -> int:
        """Number of samples that observe the modality."""
        return len(self.values) if self.offsets is None else len(self.offsets) - 1

    @property
    def lengths(self) -> IntArray | None:
        """Lengths of the observed sequences, (n_observed,); None for vectors."""
        return None if self.offsets is None else np.diff(self.offsets)

    def take(self, indices: IntArray) -> "Modality":
        """Return the modality for the samples at `indices`, in that order."""
        return self._gathered(self.position[indices])

    def _gathered(self, source: IntArray) -> "Modality":
        """Return the modality for new samples; `source` is their place among the observed samples, or -1."""
        observed = source >= 0
        position = np.where(observed, np.cumsum(observed) - 1, -1)
        source = source[observed]
        if self.offsets is None:
            return replace(self, values=_rows(self.values, source), position=position)
        lengths = np.diff(self.offsets)[source]
        flat = np.repeat(self.offsets[source], lengths) + _within(lengths)
        return replace(self, values=self.values[flat], position=position, offsets=_offsets(lengths))

    def reindex(self, rows: IntArray) -> "Modality":
        """Return the modality for the samples at `rows`; it is missing in samples with -1."""
        position = np.append(self.position, -1)  # row -1 is the last one
        return self._gathered(position[rows])

    def hide(self, observed: BoolArray) -> "Modality":
        """Return the modality with samples made missing where `observed`, bool (n_samples,), is False."""
        if observed[self.availability].all():
            return self
        rows = np.flatnonzero(self.availability & observed)
        taken = self.take(rows)
        position = np.full(self.n_samples, -1, dtype=np.int64)
        position[rows] = np.arange(len(rows))
        return replace(taken, position=position)

    def keep_steps(self, keep: BoolArray) -> "Modality":
        """Return the sequences with only the time steps where `keep`, bool (total_time,), is True.

        Every sequence must keep at least one step.
        """
        assert self.offsets is not None
        lengths = np.add.reduceat(keep.astype(np.int64), self.offsets[:-1]) if len(keep) else np.diff(self.offsets)
        return replace(self, values=self.values[keep], offsets=_offsets(lengths))

    def mapped(self, function: Callable[[AnyArray], AnyArray]) -> "Modality":
        """Return the modality with `function` applied to its values; it must keep the shape (n, n_features)."""
        return replace(self, values=function(self.values)) if len(self.values) else self

    def mapped_in_batches(self, function: Callable[[AnyArray], AnyArray]) -> "Modality":
        """Return the modality with `function` applied to the values that `gather` returns; `values` do not change."""
        return replace(self, on_gather=(*self.on_gather, function))

    def converted(self, function: Callable[["Modality"], "Modality"], n_features: int) -> "Modality":
        """Return the result of `function`, which may change the number of features to `n_features`.

        Samples and time steps must stay the same. A modality without observed samples is returned unchanged.
        """
        return function(self) if len(self.values) else self

    @property
    def has_missing_cells(self) -> bool:
        """True if a cell of an observed row is missing (NaN)."""
        # the minimum is NaN if any value is, and needs no temporary array
        return not self.is_raw and bool(self.values.size) and bool(np.isnan(self.values.min()))

    def incomplete(self) -> BoolArray:
        """Return True for the samples with a missing cell, bool (n_samples,)."""
        result = np.zeros(self.n_samples, dtype=bool)
        if self.has_missing_cells:
            rows = np.asarray(np.isnan(self.values).any(axis=1))
            by_sample = rows if self.offsets is None else np.logical_or.reduceat(rows, self.offsets[:-1])
            observed = self.availability
            result[observed] = by_sample[self.position[observed]]
        return result

    def chunks(self) -> Iterator[AnyArray]:
        """Yield the values of all observed samples or time steps in chunks (n, n_features) that fit in memory."""
        yield self.values

    def loaded(self) -> "Modality":
        """Return the modality with its values in memory."""
        return self

    def parts_of_checksum(self) -> tuple[AnyArray | None, ...]:
        """Return the arrays to include in a checksum of the modality."""
        return self.values, self.position, self.offsets

    def gather(self, indices: IntArray) -> Observed:
        """Return the observed values of the samples at `indices`, with sequences padded to the longest of them."""
        source = self.position[indices]
        rows = np.flatnonzero(source >= 0)
        source = source[rows]
        if self.offsets is None:
            values = self.values[source]
            return Observed(rows, self._mapped_batch(values.reshape(-1, *self.shape) if self.shape else values), None)
        starts = self.offsets[source]
        lengths = self.offsets[source + 1] - starts
        dtype = self.values.dtype if self.padding is None else np.int64
        padded = np.full((len(rows), int(lengths.max(initial=1)), self.n_features), self.padding or 0, dtype=dtype)
        sample, step = _ragged_indices(np.arange(len(rows)), np.zeros_like(starts), lengths)
        padded[sample, step] = self.values[np.repeat(starts, lengths) + step]
        return Observed(rows, self._mapped_batch(padded if self.padding is None else padded[..., 0]), lengths)

    def _mapped_batch(self, values: AnyArray) -> AnyArray:
        if len(values):
            for function in self.on_gather:
                values = function(values)
        return values


def _of_raw(packed: Packed, n_samples: int, padding: int | None = None) -> Modality:
    if not len(packed.rows):
        return Modality.nothing(n_samples)
    position = np.full(n_samples, -1, dtype=np.int64)
    position[packed.rows] = np.arange(len(packed.rows))
    offsets = None if packed.lengths is None else _offsets(packed.lengths)
    return Modality(packed.values, position, offsets, packed.shape, padding)


def _dense_list(values: Sequence[Any]) -> AnyArray | None:
    """Return a list of vectors of equal length as an array (n_samples, n_features), any other list as None."""
    if any(entry is None for entry in values):
        return None
    try:
        array = np.array([numeric_array("entry", entry) for entry in values])
    except ValueError:
        return None
    return array if array.ndim == 2 else None


def _from_entries(
    name: str,
    entries: list[Any],
    observed: BoolArray | None,
    lengths: Any,
    nan_rows: NanPolicy,
    names: Sequence[str] | None,
) -> Modality:
    """Create a modality from a list with one entry per sample, None if it is missing."""
    if lengths is not None:
        raise ShapeError(f"modality {name!r}: lengths need a (n_samples, time, n_features) array, got a list")
    arrays = {}
    for row, entry in enumerate(entries):
        if is_missing(entry) or (observed is not None and not observed[row]):
            continue
        array = numeric_array(f"modality {name!r}, row {row}", entry)
        if array.ndim == 0 and np.isnan(array):
            continue
        arrays[row] = array[None] if array.ndim == 0 else array
    arrays = {row: array for row, array in arrays.items() if array.size and _has_value(array)}
    if not arrays:
        return Modality.nothing(len(entries))
    first_row, first = next(iter(arrays.items()))
    for row, array in arrays.items():
        if array.ndim not in (1, 2) or array.ndim != first.ndim or array.shape[-1] != first.shape[-1]:
            raise ShapeError(
                f"modality {name!r}, row {row}: shape {array.shape} does not match shape "
                f"{first.shape} of row {first_row}; expected the same number of features"
                + ("; a sequence of one feature has the shape (time, 1)" if array.ndim == first.ndim == 1 else "")
            )
    rows = np.fromiter(arrays, dtype=np.int64, count=len(arrays))
    if first.ndim == 1:
        return _pack_vectors(name, np.stack(list(arrays.values())), rows, len(entries), nan_rows, names=names)
    sequence_lengths = np.array([len(array) for array in arrays.values()], dtype=np.int64)
    flat = np.concatenate(list(arrays.values()))
    return _pack_sequences(name, flat, rows, sequence_lengths, len(entries), nan_rows, names)


def _has_value(array: AnyArray) -> bool:
    """Return True if a numeric array with at least one entry is not all NaN."""
    first = array.item(0)  # NaN in few arrays, and cheaper to test than all entries
    return bool(first == first) or not np.isnan(array).all()


def _dense_lengths(name: str, array: AnyArray, rows: IntArray, lengths: Any) -> IntArray:
    """Return the sequence lengths of `rows`; 0 for sequences with only NaN."""
    max_length = array.shape[1]
    if array.dtype.kind != "f":
        filled = np.ones((len(rows), max_length), dtype=bool)
    else:
        filled = np.asarray(~np.isnan(array[rows]).all(axis=2))
    if lengths is None:
        last = max_length - np.argmax(filled[:, ::-1], axis=1) if max_length else np.zeros(len(rows), dtype=np.int64)
        return np.where(filled.any(axis=1), last, 0).astype(np.int64)
    checked = check_lengths(name, lengths, len(array), max_length, rows)
    inside = np.arange(max_length) < checked[:, None]
    return np.where((filled & inside).any(axis=1), checked, 0)


def _pack_vectors(
    name: str,
    values: AnyArray,
    rows: IntArray,
    n_samples: int,
    nan_rows: NanPolicy,
    copy: bool = True,
    names: Sequence[str] | None = None,
) -> Modality:
    if values.dtype.kind == "f":
        observed = ~np.isnan(values).all(axis=1)
        if not observed.all():
            values, rows = values[observed], rows[observed]
    usable = check_observed_values(name, values, rows, nan_rows, names)
    if not usable.all():
        values, rows = values[usable], rows[usable]
    position = np.full(n_samples, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    dtype = packed_dtype(values)
    packed = np.array(values, dtype=dtype, order="C") if copy else np.asarray(values, dtype=dtype)
    return Modality(packed.view(), position)  # a view, since the values of a modality become read-only


def _pack_sequences(
    name: str,
    flat: AnyArray,
    rows: IntArray,
    lengths: IntArray,
    n_samples: int,
    nan_rows: NanPolicy,
    names: Sequence[str] | None = None,
) -> Modality:
    usable_steps = check_observed_values(name, flat, np.repeat(rows, lengths), nan_rows, names)
    # a sequence with an unusable step is missing as a whole: single time steps are not imputed
    owner = np.repeat(np.arange(len(rows)), lengths)
    usable = np.ones(len(rows), dtype=bool)
    usable[owner[~usable_steps]] = False
    flat, rows, lengths = flat[usable[owner]], rows[usable], lengths[usable]
    position = np.full(n_samples, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    return Modality(np.array(flat, dtype=packed_dtype(flat), order="C"), position, _offsets(lengths))


def _rows(values: AnyArray, source: IntArray) -> AnyArray:
    """Return the rows of `values` (n, n_features) at `source`, in C order."""
    if values.flags.c_contiguous:
        return np.take(values, source, axis=0)  # faster than an index
    # `np.take` would first copy the whole array; neighbouring rows of an array in Fortran order are read at once
    result = np.empty((len(source), values.shape[1]), dtype=values.dtype)
    order = np.argsort(source, kind="stable")
    for start in range(0, len(order), ROWS_AT_ONCE):
        places = order[start : start + ROWS_AT_ONCE]
        result[places] = values[source[places]]
    return result


def _offsets(lengths: IntArray) -> IntArray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])


def _within(lengths: IntArray) -> IntArray:
    """Return the time step numbers 0, ..., length - 1 of each sequence, concatenated."""
    return np.arange(int(lengths.sum())) - np.repeat(_offsets(lengths)[:-1], lengths)


def _ragged_indices(rows: IntArray, starts: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
    """Return the row and time step indices of all steps of all sequences, (lengths.sum(),) each."""
    return np.repeat(rows, lengths), np.repeat(starts, lengths) + _within(lengths)
