"""Matching of samples by their labels over modalities, target and other inputs."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import check_modality_names, check_row_count, is_missing
from redcore.data._frames import Frame, is_frame, library
from redcore.data._sample_index import are_unique, check_unique, positions, union_rows
from redcore.exceptions import AlignmentWarning, DataError, shortened

__all__ = ["AlignedInputs", "Samples", "labels_of", "normalised_label"]


def labels_of(values: Any) -> Any:
    """Return the labels of the samples of an input: the index of a pandas object, the labels of a `Frame`, or None."""
    if isinstance(values, Frame):
        return values.labels
    return values.index if library(values) == "pandas" and hasattr(values, "iloc") else None


def normalised_label(label: Any) -> str:
    """Return a label without the differences that spreadsheets and programs make.

    Case, surrounding spaces, leading zeros of numbers, a trailing ".0", and the kind of separator do not matter.

    Examples
    --------
    >>> normalised_label("P.007 ") == normalised_label("p-7"), normalised_label(1.0) == normalised_label("01")
    (True, True)
    """
    text = re.sub(r"(?<=\d)\.0+$", "", str(label).strip().casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_.:/-]+", "-", text))


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one or several inputs, in the order of their first appearance.

    Attributes
    ----------
    n_samples : int
    labels : array (n_samples,) or None
        Labels of the samples: integers or text. None if samples are matched by position.
    what : str
        Name of the inputs in error messages.
    agree : bool
        True if all inputs have the same labels in the same order, so that inputs without labels can be matched by
        position.
    is_default : bool
        True if the labels are the default index of pandas, 0, 1, ..., n_samples - 1.
    is_unique : bool
        True if the labels are known to be unique, False if that was not checked.
    """

    n_samples: int
    labels: AnyArray | None = None
    what: str = "X"
    agree: bool = True
    is_default: bool = False
    is_unique: bool = False

    def rows(self, what: str, values: Any) -> IntArray | None:
        """Return the row of each sample in an input that has one row per sample. None stands for all rows in order.

        Parameters
        ----------
        what : str
            Name of the input in error messages.
        values : array, list or pandas object
            If either the samples or `values` are without labels, they are matched by position.

        Raises
        ------
        DataError
            If samples have no row, rows have no sample, or labels are not unique; or if `values` is without labels,
            and the modalities do not have the same labels in the same order.
        """
        labels = labels_of(values)
        if labels is None and not self.agree:
            raise DataError(
                f"{what} has no labels, but the modalities do not have the same labels in the same order; "
                f"expected {what} as a pandas object with the labels of the samples as its index"
            )
        if labels is None or self.labels is None or (self.is_default and _is_default(labels, self.n_samples)):
            return None
        array = _label_array(what, labels)
        if np.array_equal(array, self.labels):
            return None
        if not self.is_unique:
            check_unique(self.what, self.labels)
        check_unique(what, array)
        rows = positions(self.labels, array)
        if (rows < 0).any() or len(array) != self.n_samples:
            raise DataError(self._mismatch(what, array, rows, _is_default(labels, len(array))))
        return rows

    @classmethod
    def of_ids(cls, ids: AnyArray) -> "Samples":
        """Return the samples of a data set. Ids 0, 1, ..., n_samples - 1 are positions, all others are labels."""
        return cls(len(ids), None if np.array_equal(ids, np.arange(len(ids))) else ids)

    @property
    def ids(self) -> AnyArray | None:
        """Labels as sample ids; None if there are no unique labels."""
        unique = self.is_default or self.is_unique
        return self.labels if self.labels is not None and (unique or are_unique(self.labels)) else None

    def adopt(self, inputs: Mapping[str, Any]) -> "Samples":
        """Return the samples with the labels of the first input that has labels, if they have none themselves."""
        if self.labels is not None:
            return self
        for what, values in inputs.items():
            labels = labels_of(values)
            if labels is not None and len(labels) == self.n_samples:
                default = _is_default(labels, self.n_samples)
                return replace(self, labels=_label_array(what, labels), what=what, is_default=default)
        return self

    def aligned(self, what: str, values: Any) -> Any:
        """Return an input with its rows in the order of the samples. See `rows`."""
        rows = None if values is None else self.rows(what, values)
        if rows is None:
            return values
        return values.take(rows) if isinstance(values, Frame) else values.iloc[rows]

    def _mismatch(self, what: str, array: AnyArray, rows: IntArray, is_default: bool) -> str:
        """Describe the samples without a row and the rows without a sample."""
        assert self.labels is not None
        without_row = self.labels[rows < 0].tolist()
        known = set(self.labels.tolist())
        without_sample = [label for label in array.tolist() if label not in known]
        parts = []
        if without_row:
            counts = f"{len(without_row)} of {self.n_samples} samples have no row in {what}"
            parts.append(f"{counts} ({shortened(without_row, 3)})")
        if without_sample:
            counts = f"{len(without_sample)} of {len(array)} rows of {what} belong to no sample"
            parts.append(f"{counts} ({shortened(without_sample, 3)})")
        other_form = _same_after_normalisation(without_row, without_sample)
        if other_form:
            parts.append(f"{len(other_form)} of them differ only in form, such as {_pair(other_form[0])}")
        hint = ""
        if is_default or self.is_default:
            one = what if is_default else self.what
            hint = f"; {one} has the default index 0, 1, 2, ...: to match rows by position, pass arrays without labels"
        return f"the labels of {what} do not match those of {self.what}: {'; '.join(parts)}{hint}"


class AlignedInputs(Mapping[str, Any]):
    """Values of several modalities, with the row of each sample in each of them.

    Samples are matched by label if any modality has labels (see `labels_of`) other than the default index of pandas in
    all modalities, and by position otherwise. The samples are the union of those of all modalities, in the order of
    their first appearance.

    Parameters
    ----------
    modalities : mapping of str to array, list, pandas object, Frame or None
        Frames are converted to `Frame`.
    one_table : bool, default False
        If True, the modalities are columns of one table. Its labels need not be unique.

    Attributes
    ----------
    samples : Samples
    rows : dict of str to int array (n_samples,)
        Row of each sample in a modality, -1 if it has none. Modalities with one row per sample in order are left out.

    Raises
    ------
    ShapeError
        If modalities that are matched by position differ in their number of rows.
    DataError
        If labels are missing or not unique, if a modality shares no label with any other one, or if modalities with and
        without labels are mixed and the labels differ.

    Warns
    -----
    AlignmentWarning
        If labels of different modalities differ only in form, such as "01" and "1".
    """

    def __init__(self, modalities: Mapping[str, Any], one_table: bool = False) -> None:
        check_modality_names(modalities)
        self._values = {
            name: Frame.of(f"modality {name!r}", values) if is_frame(values) else values
            for name, values in modalities.items()
        }
        counts = _row_counts(self._values)
        labels = {name: labels_of(self._values[name]) for name in counts}
        self.rows: dict[str, IntArray] = {}
        if all(index is None or _is_default(index, counts[name]) for name, index in labels.items()):
            self.samples = _by_position(counts, labels)
        elif one_table or len(counts) == 1:
            self.samples = _single(next(iter(labels.values())))
        else:
            self.samples = self._by_label(counts, labels)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def own_rows(self, name: str, observed: BoolArray, n_rows: int) -> BoolArray:
        """Return a mask of the samples, (n_samples,), as a mask of the rows of one modality, (n_rows,)."""
        rows = self.rows.get(name)
        if rows is None:
            return observed
        result = np.zeros(n_rows, dtype=bool)
        result[rows[rows >= 0]] = observed[rows >= 0]
        return result

    def _by_label(self, counts: Mapping[str, int], labels: Mapping[str, Any]) -> Samples:
        arrays = {name: _label_array(f"modality {name!r}", x) for name, x in labels.items() if x is not None}
        first = next(iter(arrays))
        different = [name for name, array in arrays.items() if not np.array_equal(array, arrays[first])]
        without = [name for name in counts if name not in arrays]
        if without and different:
            raise DataError(
                f"modality {without[0]!r} has no labels, but modalities {first!r} and {different[0]!r} do not have "
                "the same labels in the same order; expected labels for all modalities, or the same labels"
            )
        for name in without:
            check_row_count(f"modality {name!r}", counts[name], counts[first])
        if not different:
            check_unique(f"modality {first!r}", arrays[first])
            return Samples(counts[first], arrays[first], is_unique=True)
        is_default = {name: _is_default(x, counts[name]) for name, x in labels.items() if x is not None}
        _check_types(arrays, is_default)
        union, rows = union_rows(arrays)
        observed = {name: own >= 0 for name, own in rows.items()}
        n_modalities = np.sum(list(observed.values()), axis=0)
        for name, mask in observed.items():
            if mask.any() and not (n_modalities[mask] > 1).any():
                _raise_not_shared(name, arrays, is_default)
        self.rows = {name: own for name, own in rows.items() if not np.array_equal(own, np.arange(len(union)))}
        _warn_of_forms(union, observed)
        return Samples(len(union), union, agree=False, is_unique=True)


def _row_counts(modalities: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of rows of each modality that is not None."""
    counts = {}
    for name, values in modalities.items():
        if values is None:
            continue
        try:
            shape = getattr(values, "shape", None)
        except RuntimeError as error:  # nested tensors of torch
            kind = type(values).__name__
            raise DataError(f"modality {name!r} is a {kind} without a shape ({error}); pass a list of arrays") from None
        sized = hasattr(values, "__len__") and not isinstance(values, str | bytes)
        if shape == () or not (sized or shape):
            kind = type(values).__name__
            hint = "; call its method collect() first" if hasattr(values, "collect") else ""
            raise DataError(f"modality {name!r} is a {kind}, expected an array or a list{hint}")
        counts[name] = int(shape[0]) if shape else len(values)
    if not counts:
        raise DataError("all modalities are missing everywhere: nothing to learn from or predict")
    return counts


def _by_position(counts: Mapping[str, int], labels: Mapping[str, Any]) -> Samples:
    n_samples = next(iter(counts.values()))
    for name, count in counts.items():
        check_row_count(f"modality {name!r}", count, n_samples)
    if any(index is None for index in labels.values()):
        return Samples(n_samples)
    return Samples(n_samples, np.arange(n_samples), is_default=True)


def _single(labels: Any) -> Samples:
    """Return the samples of one table, whose labels need not be unique unless another input is matched to them."""
    array = _label_array("X", labels)
    return Samples(len(array), array)


def _is_default(labels: Any, n_rows: int) -> bool:
    """Return True if labels are a pandas RangeIndex 0, 1, ..., n_rows - 1."""
    return type(labels).__name__ == "RangeIndex" and (labels.start, labels.step, len(labels)) == (0, 1, n_rows)


def _label_array(what: str, labels: Any) -> AnyArray:
    """Return labels as an array of int64 or text; raise `DataError` if a label is missing."""
    dtype = getattr(labels, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iu" and dtype != np.uint64:
        return np.asarray(labels).astype(np.int64)
    entries = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if not set(map(type, entries)) <= {str, int}:
        entries = [entry.item() if isinstance(entry, np.generic) else entry for entry in entries]
        missing = [row for row, entry in enumerate(entries) if is_missing(entry)]
        if missing:
            raise DataError(f"{what}: row {missing[0]} has no label ({len(missing)} rows in total)")
    return _as_array(entries)


def _as_array(entries: list[Any]) -> AnyArray:
    """Return labels as int64 if all are whole numbers, and as text otherwise."""
    kinds = set(map(type, entries))
    if kinds <= {int, float} and all(abs(entry) < 2**63 and float(entry).is_integer() for entry in entries):
        return np.array([int(entry) for entry in entries], dtype=np.int64)
    return np.array(entries if kinds == {str} else [str(entry) for entry in entries], dtype=str)


def _check_types(arrays: Mapping[str, AnyArray], is_default: Mapping[str, bool]) -> None:
    """Raise `DataError` if the labels of some modalities are integers, and those of others text."""
    numbers = [name for name, array in arrays.items() if array.dtype.kind == "i" and len(array)]
    texts = [name for name, array in arrays.items() if array.dtype.kind != "i" and len(array)]
    if not (numbers and texts):
        return
    for names in (numbers, texts):
        if len(names) == 1:
            _raise_not_shared(names[0], arrays, is_default)
    raise DataError(
        f"the labels of modality {numbers[0]!r} are integers, those of {texts[0]!r} text; expected one type"
    )


def _raise_not_shared(name: str, arrays: Mapping[str, AnyArray], is_default: Mapping[str, bool]) -> None:
    """Raise `DataError` for a modality that shares no label with any other one, unless all others are empty."""
    others = [other for other in arrays if other != name and len(arrays[other])]
    if not others:
        return
    own, labels = arrays[name].tolist(), arrays[others[0]].tolist()
    same = _same_after_normalisation(own, labels)
    hint = f"; {len(same)} of them differ only in form, such as {_pair(same[0])}" if same else ""
    default = next((one for one in (name, others[0]) if is_default[one]), None)
    if default is not None:
        hint += (
            f"; {default!r} has the default index 0, 1, 2, ...: to match rows by position, pass arrays without labels"
        )
    raise DataError(
        f"modality {name!r} shares no label with the other modalities: 0 of its {len(own)} labels "
        f"({shortened(own, 3)}) are among the {len(labels)} labels of {others[0]!r} ({shortened(labels, 3)}){hint}"
    )


def _same_after_normalisation(left: Iterable[Any], right: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return the pairs of labels that are equal only after normalisation."""
    forms = {normalised_label(label): label for label in right}
    pairs = ((label, forms.get(normalised_label(label))) for label in left)
    return [(label, other) for label, other in pairs if other is not None and other != label]


def _warn_of_forms(union: AnyArray, observed: Mapping[str, BoolArray]) -> None:
    """Warn of labels of different modalities that differ only in form. `observed` are masks of the union."""
    if union.dtype.kind == "i":
        return
    places = np.flatnonzero(~np.logical_and.reduce(list(observed.values())))
    forms = [normalised_label(label) for label in union[places].tolist()]
    if len(set(forms)) == len(forms):
        return
    groups = defaultdict(list)
    for form, place in zip(forms, places.tolist(), strict=True):
        groups[form].append(place)
    # a modality that contains both forms uses them for different samples
    pairs = [
        group
        for group in groups.values()
        if len(group) > 1 and all(mask[group].sum() < 2 for mask in observed.values())
    ]
    if pairs:
        warnings.warn(
            f"{len(pairs)} labels of different modalities differ only in form, such as "
            f"{_pair(union[pairs[0]].tolist())}, and are treated as different samples; write the labels of all "
            "modalities in one form",
            AlignmentWarning,
            stacklevel=5,
        )


def _pair(labels: Iterable[Any]) -> str:
    return " and ".join(map(repr, list(labels)[:2]))
