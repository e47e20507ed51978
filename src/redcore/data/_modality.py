"""The observed values of one modality, packed: what is missing is not stored at all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, get_args

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import NanPolicy, check_known, check_lengths, check_observed_values, numeric_array
from redcore.exceptions import ShapeError

__all__ = ["Modality", "Observed"]


@dataclass(frozen=True, eq=False)
class Observed:
    """The samples of a selection that observe one modality.

    Attributes
    ----------
    rows : array (n_observed,)
        Places in the selection of the samples that observe the modality, ascending.
    values : array (n_observed, n_features) or (n_observed, max_length, n_features)
        Their values, float32; sequences are padded with zeros at the end.
    lengths : array (n_observed,) or None
        Sequence lengths, None for vectors.
    """

    rows: IntArray
    values: AnyArray
    lengths: IntArray | None


@dataclass(frozen=True, eq=False)
class Modality:
    """One modality of a data set: observed rows only, packed one after the other.

    Attributes
    ----------
    values : array (n_observed, n_features) or (total_time, n_features)
        float32, read-only. For sequences the time steps of all observed samples in a row.
    position : array (n_samples,)
        For each sample its place among the observed ones, -1 where the modality is missing.
    offsets : array (n_observed + 1,) or None
        For sequences, where each one starts in `values`; None for vectors.

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

    stored: ClassVar[bool] = False
    """Whether the values are on disk and read when asked for."""

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
        nan_rows: NanPolicy = "error",
    ) -> "Modality":
        """Pack one modality.

        Parameters
        ----------
        name : str
            For error messages.
        values : array or list
            (n_samples, n_features), (n_samples,) for a single feature, (n_samples, time, n_features), or a
            list with one entry per sample: None, a vector, or a (time, n_features) array.
        observed : bool array (n_samples,), optional
            False where the modality is missing whatever `values` holds there; that is never read.
        lengths : int array (n_samples,), optional
            Only for the three-dimensional form. By default trailing all-NaN time steps are padding.
        nan_rows : {"error", "missing"}, default "error"
            What a NaN inside an otherwise observed row means.

        Raises
        ------
        ShapeError, DataError, NonFiniteError
            Naming the modality and the row.
        UnknownNameError
            If `nan_rows` is neither.
        """
        check_known("nan_rows", [nan_rows], get_args(NanPolicy))
        if isinstance(values, list | tuple) or getattr(getattr(values, "dtype", None), "kind", "") == "O":
            dense = _dense_list(values)
            if dense is None:
                return _from_entries(name, list(values), observed, lengths, nan_rows)
            values = dense
        array = numeric_array(f"modality {name!r}", values)
        if array.ndim == 1:
            array = array[:, None]
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
            return _pack_sequences(name, array[sample, step], rows, sequence_lengths, len(array), nan_rows)
        if lengths is not None:
            raise ShapeError(f"modality {name!r} has lengths but is not (n_samples, time, n_features)")
        return _pack_vectors(name, array[rows], rows, len(array), nan_rows)

    @classmethod
    def nothing(cls, n_samples: int) -> "Modality":
        """Return a modality that nobody observes; its number of features is unknown (0)."""
        return cls(np.empty((0, 0), dtype=np.float32), np.full(n_samples, -1, dtype=np.int64))

    @property
    def n_samples(self) -> int:
        """Number of samples, observed or not."""
        return len(self.position)

    @property
    def n_features(self) -> int:
        """Number of features (of one time step); 0 if nobody ever observed the modality."""
        return int(self.values.shape[1])

    @property
    def is_sequence(self) -> bool:
        """Whether samples are sequences."""
        return self.offsets is not None

    @property
    def availability(self) -> BoolArray:
        """True where the modality is observed, (n_samples,)."""
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
        source = self.position[indices]
        observed = source >= 0
        position = np.where(observed, np.cumsum(observed) - 1, -1)
        source = source[observed]
        if self.offsets is None:
            return Modality(self.values[source], position)
        lengths = np.diff(self.offsets)[source]
        flat = np.repeat(self.offsets[source], lengths) + _within(lengths)
        return Modality(self.values[flat], position, _offsets(lengths))

    def hide(self, observed: BoolArray) -> "Modality":
        """Return the modality with the samples where `observed` is False missing."""
        if observed[self.availability].all():
            return self
        rows = np.flatnonzero(self.availability & observed)
        taken = self.take(rows)
        position = np.full(self.n_samples, -1, dtype=np.int64)
        position[rows] = np.arange(len(rows))
        return Modality(taken.values, position, taken.offsets)

    def keep_steps(self, keep: BoolArray) -> "Modality":
        """Return the sequences with the steps where `keep`, (total_time,), is True; each must keep one at least."""
        assert self.offsets is not None
        lengths = np.add.reduceat(keep.astype(np.int64), self.offsets[:-1]) if len(keep) else np.diff(self.offsets)
        return Modality(self.values[keep], self.position, _offsets(lengths))

    def mapped(self, function: Callable[[AnyArray], AnyArray]) -> "Modality":
        """Return the modality with `function` applied to its values, (n, n_features) to the same."""
        return replace(self, values=function(self.values)) if len(self.values) else self

    def chunks(self) -> Iterator[AnyArray]:
        """Yield all observed values in pieces that fit in memory, (n, n_features) each."""
        yield self.values

    def loaded(self) -> "Modality":
        """Return the modality in memory."""
        return self

    def parts_of_checksum(self) -> tuple[AnyArray | None, ...]:
        """Return the arrays that a checksum of the modality covers."""
        return self.values, self.position, self.offsets

    def gather(self, indices: IntArray) -> Observed:
        """Return what the samples at `indices` observe, sequences padded to the longest of them."""
        source = self.position[indices]
        rows = np.flatnonzero(source >= 0)
        source = source[rows]
        if self.offsets is None:
            return Observed(rows, self.values[source], None)
        starts = self.offsets[source]
        lengths = self.offsets[source + 1] - starts
        padded = np.zeros((len(rows), int(lengths.max(initial=1)), self.n_features), dtype=np.float32)
        sample, step = _ragged_indices(np.arange(len(rows)), np.zeros_like(starts), lengths)
        padded[sample, step] = self.values[np.repeat(starts, lengths) + step]
        return Observed(rows, padded, lengths)


def _dense_list(values: Sequence[Any]) -> AnyArray | None:
    """Return a rectangular array if a list holds plain rows of equal length, else None."""
    if any(entry is None for entry in values):
        return None
    try:
        array = np.array([numeric_array("entry", entry) for entry in values])
    except ValueError:
        return None
    return array if array.ndim == 2 else None


def _from_entries(
    name: str, entries: list[Any], observed: BoolArray | None, lengths: Any, nan_rows: NanPolicy
) -> Modality:
    """Pack a list with one entry per sample, None where the modality is missing."""
    if lengths is not None:
        raise ShapeError(f"modality {name!r}: lengths go with a (n_samples, time, n_features) array, not a list")
    arrays = {}
    for row, entry in enumerate(entries):
        if entry is None or (observed is not None and not observed[row]):
            continue
        array = numeric_array(f"modality {name!r}, row {row}", entry)
        if array.ndim == 0 and np.isnan(array):
            continue
        arrays[row] = array[None] if array.ndim == 0 else array
    arrays = {row: array for row, array in arrays.items() if array.size and not np.isnan(array).all()}
    if not arrays:
        return Modality.nothing(len(entries))
    first_row, first = next(iter(arrays.items()))
    for row, array in arrays.items():
        if array.ndim not in (1, 2) or array.ndim != first.ndim or array.shape[-1] != first.shape[-1]:
            raise ShapeError(
                f"modality {name!r}, row {row}: shape {array.shape} does not go with shape "
                f"{first.shape} of row {first_row}; expected the same number of features"
            )
    rows = np.fromiter(arrays, dtype=np.int64, count=len(arrays))
    if first.ndim == 1:
        return _pack_vectors(name, np.stack(list(arrays.values())), rows, len(entries), nan_rows)
    sequence_lengths = np.array([len(array) for array in arrays.values()], dtype=np.int64)
    return _pack_sequences(name, np.concatenate(list(arrays.values())), rows, sequence_lengths, len(entries), nan_rows)


def _dense_lengths(name: str, array: AnyArray, rows: IntArray, lengths: Any) -> IntArray:
    """Return the lengths of the observed rows; 0 where all is NaN."""
    max_length = array.shape[1]
    if array.dtype.kind != "f":
        filled = np.ones((len(rows), max_length), dtype=bool)
    else:
        filled = np.asarray(~np.isnan(array[rows]).all(axis=2))
    if lengths is None:
        last = max_length - np.argmax(filled[:, ::-1], axis=1) if max_length else np.zeros(len(rows), dtype=np.int64)
        return np.where(filled.any(axis=1), last, 0).astype(np.int64)
    given = check_lengths(name, lengths, len(array), max_length, rows)
    inside = np.arange(max_length) < given[:, None]
    return np.where((filled & inside).any(axis=1), given, 0)


def _pack_vectors(name: str, values: AnyArray, rows: IntArray, n_samples: int, nan_rows: NanPolicy) -> Modality:
    if values.dtype.kind == "f":
        there = ~np.isnan(values).all(axis=1)
        if not there.all():
            values, rows = values[there], rows[there]
    usable = check_observed_values(name, values, rows, nan_rows)
    values, rows = values[usable], rows[usable]
    position = np.full(n_samples, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    return Modality(np.array(values, dtype=np.float32, order="C"), position)


def _pack_sequences(
    name: str, flat: AnyArray, rows: IntArray, lengths: IntArray, n_samples: int, nan_rows: NanPolicy
) -> Modality:
    usable_steps = check_observed_values(name, flat, np.repeat(rows, lengths), nan_rows)
    # a sequence with an unusable step is missing as a whole: nothing is guessed inside it
    owner = np.repeat(np.arange(len(rows)), lengths)
    usable = np.ones(len(rows), dtype=bool)
    usable[owner[~usable_steps]] = False
    flat, rows, lengths = flat[usable[owner]], rows[usable], lengths[usable]
    position = np.full(n_samples, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    return Modality(np.array(flat, dtype=np.float32, order="C"), position, _offsets(lengths))


def _offsets(lengths: IntArray) -> IntArray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])


def _within(lengths: IntArray) -> IntArray:
    """Return 0..length-1 for each sequence, one after the other."""
    return np.arange(int(lengths.sum())) - np.repeat(_offsets(lengths)[:-1], lengths)


def _ragged_indices(rows: IntArray, starts: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
    """Return (row, step) index pairs that walk through every step of every sequence."""
    return np.repeat(rows, lengths), np.repeat(starts, lengths) + _within(lengths)
