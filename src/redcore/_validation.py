"""Validation of user input: every function returns clean values or raises an error that names the culprit."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias

import numpy as np

from redcore._types import AnyArray, BoolArray, FloatArray, IntArray
from redcore.exceptions import (
    DataError,
    MissingRateError,
    NonFiniteError,
    ShapeError,
    TargetError,
    UnknownNameError,
)

__all__ = [
    "SPLIT_CODES",
    "NanPolicy",
    "check_availability",
    "check_coverage",
    "check_groups",
    "check_known",
    "check_labels",
    "check_lengths",
    "check_missing_rates",
    "check_modality_names",
    "check_multilabel",
    "check_observed_values",
    "check_probability",
    "check_regression",
    "check_row_count",
    "check_sample_ids",
    "check_seed",
    "check_split",
    "check_weights",
    "is_missing",
    "native",
    "numeric_array",
    "target_array",
    "unmasked",
]

NanPolicy: TypeAlias = Literal["keep", "error", "missing"]
"""Treatment of NaN in an observed row: keep it as a missing cell, raise an error, or treat the row as missing."""


def native(array: AnyArray) -> AnyArray:
    """Return the array in the byte order of this machine."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def check_known(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `UnknownNameError` for the first of `names` that is not in `known`."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)


def check_modality_names(names: Iterable[Any]) -> None:
    """Raise `DataError` unless `names` holds at least one name and only non-empty strings."""
    names = list(names)
    if not names:
        raise DataError("no modality given: expected a mapping of modality name to array")
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"modality name {name!r} is not a non-empty string")


def check_row_count(what: str, n_rows: int, n_samples: int) -> None:
    """Raise `ShapeError` unless `n_rows` equals `n_samples`; `what` names the array in the message."""
    if n_rows != n_samples:
        raise ShapeError(f"{what} has {n_rows} rows, expected {n_samples} (one per sample)")


def numeric_array(what: str, values: Any) -> AnyArray:
    """Return `values` as an array of a real numeric or boolean type.

    Raises
    ------
    DataError
        If an entry is not a real number, such as text, a complex number or a date.
    """
    if type(values) is np.ndarray and values.dtype.kind in "fiub":
        return values
    try:
        array = np.asarray(unmasked(values))
        if array.dtype.kind in "cmM":
            raise TypeError(f"got {array.dtype}, expected real numbers")
        if array.dtype.kind == "O":
            array = np.where(_is_missing(array), np.nan, array)
        numbers = array if array.dtype.kind in "fiub" else array.astype(np.float64)
        # NumPy before 2.4 converts arrays of one element
        if array.dtype.kind == "O" and any(isinstance(entry, np.ndarray) and entry.ndim for entry in array.flat):
            raise TypeError("got arrays, expected real numbers")
        return numbers
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise DataError(f"{what} contains values that are not numbers ({error})") from None


def unmasked(values: Any) -> Any:
    """Return a masked array as a plain array: masked numbers become NaN, other masked entries None.

    Values that are not masked arrays are returned as they are.
    """
    if not isinstance(values, np.ma.MaskedArray):
        return values
    mask = np.ma.getmaskarray(values)
    if not mask.any():
        return np.asarray(values.data)
    if values.dtype.kind in "iub":
        values = values.astype(np.float64)
    return values.filled(np.nan) if values.dtype.kind == "f" else np.where(mask, None, values.data.astype(object))


def check_availability(availability: Any, names: Sequence[str], n_samples: int) -> BoolArray:
    """Return an availability mask, bool (n_samples, n_modalities), with columns in the order of `names`.

    Parameters
    ----------
    availability : array (n_samples, n_modalities) or mapping of modality name to array (n_samples,)
        True (or 1) = observed. The columns of an array are in the order of `names`. Modalities that are missing from a
        mapping are observed in all samples.
    names : sequence of str
        Modality names.
    n_samples : int
    """
    if isinstance(availability, Mapping):
        check_known("modality", availability, names)
        result = np.ones((n_samples, len(names)), dtype=bool)
        for column, name in enumerate(names):
            if name in availability:
                result[:, column] = _bool_array(f"availability of {name!r}", availability[name], (n_samples,))
        return result
    return _bool_array("availability", availability, (n_samples, len(names)))


def _bool_array(what: str, values: Any, shape: tuple[int, ...]) -> BoolArray:
    array = np.asarray(unmasked(values))
    if array.shape != shape:
        raise ShapeError(f"{what} has shape {array.shape}, expected {shape}")
    if array.dtype != np.bool_ and (_is_missing(array).any() or not np.isin(array, (0, 1)).all()):
        raise DataError(f"{what} contains values other than True and False (or 1 and 0)")
    return array.astype(bool)


def check_lengths(name: str, lengths: Any, n_samples: int, max_length: int, rows: IntArray) -> IntArray:
    """Return the sequence lengths of `rows` as integers in [0, max_length]; 0 stands for a missing modality.

    Parameters
    ----------
    name : str
        Modality, for error messages.
    lengths : array (n_samples,)
        Sequence lengths of all samples.
    n_samples : int
    max_length : int
        Size of the time axis.
    rows : int array (n_rows,)
        Samples to check; the lengths of other samples are ignored.
    """
    array = np.asarray(unmasked(lengths))
    if array.shape != (n_samples,):
        raise ShapeError(f"lengths of {name!r} have shape {array.shape}, expected ({n_samples},)")
    array = array[rows]
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and np.all(array == np.floor(array))):
        raise DataError(f"lengths of {name!r} are not whole numbers")
    bad = np.flatnonzero((array < 0) | (array > max_length))
    if bad.size:
        raise ShapeError(
            f"length of {name!r} in row {rows[bad[0]]} is {array[bad[0]]}, expected 0 to {max_length} (the time axis)"
        )
    return array.astype(np.int64)


def check_observed_values(
    name: str, values: AnyArray, rows: IntArray, nan_rows: NanPolicy, names: Sequence[str] | None = None
) -> BoolArray:
    """Return a mask of the usable rows of one modality.

    Parameters
    ----------
    name : str
        Modality, for error messages.
    values : array (n_rows, n_features)
        Observed values. For sequences, one row per time step.
    rows : array (n_rows,)
        Sample of each row, for error messages.
    nan_rows : {"keep", "error", "missing"}
        If "keep", all rows are True in the result. If "error", NaN raises an error. If "missing", rows with NaN are
        False in the result.
    names : sequence of str, optional
        Names of the features, for error messages. Default: their positions.

    Returns
    -------
    bool array (n_rows,)
        True = usable.

    Raises
    ------
    NonFiniteError
        If a value is infinite or too large for float32, or NaN with ``nan_rows="error"``.
    """
    if values.dtype.kind != "f":
        return np.ones(len(values), dtype=bool)
    # the comparison is False for NaN, so that clean data needs one pass only; blocks limit its memory
    limit, step = np.finfo(np.float32).max, max(1, 2**20 // max(1, values.shape[1]))
    if all((np.abs(values[start : start + step]) <= limit).all() for start in range(0, len(values), step)):
        return np.ones(len(values), dtype=bool)
    fits = np.abs(values) <= limit
    is_nan = np.isnan(values)
    too_large = np.argwhere(~fits & ~is_nan)
    if too_large.size:
        row, feature = too_large[0]
        raise NonFiniteError(
            f"modality {name!r}, row {rows[row]}, {_feature(feature, names)}: {values[row, feature]} is infinite or "
            "too large for float32; expected a finite value, or NaN in the whole row if it is missing"
        )
    if nan_rows == "keep":
        return np.ones(len(values), dtype=bool)
    if nan_rows == "error":
        row, feature = np.argwhere(is_nan)[0]
        raise NonFiniteError(
            f"modality {name!r}, row {rows[row]}, {_feature(feature, names)}: NaN in an observed row; fill it, pass "
            "nan_rows='keep' to keep it as a missing cell, or nan_rows='missing' to treat such rows as missing"
        )
    return np.asarray(~is_nan.any(axis=1))


def _feature(position: int, names: Sequence[str] | None) -> str:
    return f"feature {position}" if names is None else f"column {names[position]!r}"


def check_labels(labels: Any, n_samples: int, classes: Any = None) -> tuple[IntArray, AnyArray]:
    """Return class codes and classes.

    Parameters
    ----------
    labels : array (n_samples,)
        Class of each sample: strings, integers or booleans.
    n_samples : int
        Expected number of labels.
    classes : array (n_classes,), optional
        All possible classes, including those that do not occur in `labels`. Default: the sorted classes that occur.

    Returns
    -------
    codes : int array (n_samples,)
        Index of each sample's class in `classes`.
    classes : array (n_classes,)
        The given classes in their order, or the sorted classes that occur.

    Raises
    ------
    TargetError
        If labels are missing (None or NaN), of mixed types, fractional, or not among `classes`.
    """
    array = _class_array(labels, n_samples)
    known = np.unique(array) if classes is None else _class_array(classes, len(classes)).copy()
    if (known.dtype.kind in "US") != (array.dtype.kind in "US"):
        raise TargetError(f"labels are of type {array.dtype}, the classes of type {known.dtype}")
    if len(np.unique(known)) != len(known):
        raise TargetError("classes are not unique")
    order = np.argsort(known, kind="stable")
    codes = np.searchsorted(known, array, sorter=order).clip(max=len(known) - 1)
    codes = order[codes]
    unknown = np.flatnonzero(known[codes] != array)
    if unknown.size:
        label = array.tolist()[unknown[0]]
        raise TargetError(f"label {label!r} in row {unknown[0]} is not among the classes {known.tolist()}")
    return codes.astype(np.int64), known


def _class_array(labels: Any, n_samples: int) -> AnyArray:
    """Return labels as an array of text, integers or booleans."""
    array = _target_array(labels, n_samples)
    if array.dtype.kind == "O":
        array = _with_common_type("labels", array, TargetError)
    if array.dtype.kind not in "fiubU":
        kind = type(array[0]).__name__ if array.dtype.kind == "O" and len(array) else str(array.dtype)
        raise TargetError(
            f"labels are of type {kind}, expected text, integers or booleans; convert them, such as with astype(str)"
        )
    if array.dtype.kind != "f":
        return native(array)
    array = array.astype(np.float64)
    if np.any(array != np.floor(array)):
        raise TargetError(
            "Unknown label type: continuous; class labels are fractional numbers, expected "
            "classes (for regression use a regressor, or target kind 'regression')"
        )
    if np.any(np.abs(array) >= 2**63):
        raise TargetError(f"label {array[np.abs(array) >= 2**63][0]} is too large for a 64-bit integer")
    return array.astype(np.int64)


def _with_common_type(what: str, array: AnyArray, error: type[DataError]) -> AnyArray:
    """Convert an object array to an array of the type of its entries; raise `error` if they differ in type."""
    entries = [entry.item() if isinstance(entry, np.generic) else entry for entry in array]
    types = {type(entry) for entry in entries}
    if len(types) > 1:
        listed = ", ".join(sorted(kind.__name__ for kind in types))
        raise error(f"{what} are of mixed types ({listed}), expected one type")
    converted = np.asarray(entries, dtype=object if types & {tuple, list, np.ndarray} else None)
    if converted.ndim != 1:
        raise error(f"{what} are of type {next(iter(types)).__name__}, expected text, integers or booleans")
    return converted


def target_array(target: Any) -> AnyArray:
    """Return a target as an array; raise `TargetError` if it cannot be one, or is a single value."""
    array = _entry_array("labels", target, TargetError)
    if array.ndim == 0:
        hint = "; call its method collect() first" if hasattr(target, "collect") else ""
        raise TargetError(f"labels are a single {type(target).__name__}, expected one entry per sample{hint}")
    return array


def _entry_array(what: str, values: Any, error: type[DataError]) -> AnyArray:
    """Return `values` as an array; lists with text become object arrays, to preserve None and NaN."""
    values = unmasked(values)
    try:
        array = np.asarray(values)
    except ValueError as problem:
        raise error(f"{what} are ragged ({problem})") from None
    except (TypeError, RuntimeError) as problem:  # such as tensors that require gradients
        raise error(f"{what} cannot be converted to an array ({problem})") from None
    is_text = array.dtype.kind in "US" and isinstance(values, list | tuple)
    return np.asarray(values, dtype=object) if is_text else array


def _target_array(target: Any, n_samples: int, n_dimensions: int = 1) -> AnyArray:
    """Return a target as an array; raise `TargetError` if it is absent, has the wrong shape or missing entries."""
    if target is None:
        raise TargetError("labels are missing: no target given")
    array = _entry_array("labels", target, TargetError)
    if array.ndim == 2 and array.shape[1] == 1 and n_dimensions == 1:
        array = array[:, 0]
    if array.ndim != n_dimensions:
        raise TargetError(f"labels have shape {array.shape}, expected {n_dimensions} dimension(s)")
    check_row_count("target", len(array), n_samples)
    missing = np.argwhere(_is_missing(array))
    if missing.size:
        raise TargetError(f"labels missing: row {missing[0][0]} has none ({len(missing)} in total)")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise TargetError(f"label in row {np.argwhere(~np.isfinite(array))[0][0]} is infinite")
    return array


def _is_missing(array: AnyArray) -> BoolArray:
    if array.dtype.kind == "f":
        return np.isnan(array)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, dtype=bool)
    flat = [is_missing(value) for value in array.ravel()]
    return np.asarray(flat, dtype=bool).reshape(array.shape)


def is_missing(value: Any) -> bool:
    """Return True if a single value is None, NaN, a masked element of NumPy, pandas.NA or pandas.NaT."""
    # pandas.NA and pandas.NaT are recognised by their type names, because this package does not import pandas
    nan = isinstance(value, float) and value != value
    return value is None or nan or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType")


def check_regression(target: Any, n_samples: int) -> FloatArray:
    """Return a continuous target as float64, (n_samples,) or (n_samples, n_outputs)."""
    shape = _entry_array("labels", target, TargetError).shape
    array = _target_array(target, n_samples, 2 if len(shape) == 2 and shape[1] > 1 else 1)
    try:
        numbers = numeric_array("regression target", array).astype(np.float64)
    except DataError as error:
        raise TargetError(str(error)) from None
    too_large = np.argwhere(np.abs(numbers) > np.finfo(np.float32).max)
    if too_large.size:
        raise TargetError(f"label in row {too_large[0][0]} is {numbers[tuple(too_large[0])]}, too large for float32")
    return numbers


def check_multilabel(target: Any, n_samples: int) -> FloatArray:
    """Return a multi-label target as float32 (n_samples, n_labels) with values 0 and 1."""
    array = _target_array(target, n_samples, 2)
    if array.shape[1] < 1 or not np.isin(array, (0, 1)).all():
        raise TargetError("multi-label target must be a (n_samples, n_labels) array of zeros and ones")
    return array.astype(np.float32)


def check_sample_ids(sample_ids: Any, n_samples: int) -> AnyArray:
    """Return sample ids (n_samples,), by default the row numbers; raise `DataError` if they are not unique."""
    if sample_ids is None:
        return np.arange(n_samples)
    array = _per_sample("sample_ids", sample_ids, n_samples)
    unique, first, counts = np.unique(array, return_index=True, return_counts=True)
    if len(unique) < n_samples:
        repeated = int(np.argmax(counts > 1))
        raise DataError(
            f"sample id {unique.tolist()[repeated]!r} occurs {counts[repeated]} times, first in row {first[repeated]}"
        )
    return array


def check_groups(groups: Any, n_samples: int) -> AnyArray | None:
    """Return group labels (n_samples,), or None if `groups` is None."""
    return None if groups is None else _per_sample("groups", groups, n_samples)


def _per_sample(what: str, values: Any, n_samples: int) -> AnyArray:
    """Return a copy of `values` (n_samples,); raise `DataError` if entries are missing or of mixed types."""
    array = _entry_array(what, values, DataError)
    if array.shape != (n_samples,):
        raise ShapeError(f"{what} have shape {array.shape}, expected ({n_samples},) (one per sample)")
    missing = np.flatnonzero(_is_missing(array))
    if missing.size:
        raise DataError(f"{what}: row {missing[0]} has none ({len(missing)} in total)")
    return _with_common_type(what, array, DataError) if array.dtype.kind == "O" else native(array.copy())


SPLIT_CODES = {"train": 0, "training": 0, "validation": 1, "valid": 1, "val": 1, "dev": 1, "test": 2}
SPLIT_CODES |= {str(code): code for code in range(3)}
"""Code of a split by its name, in lower case, or by its number as text."""


def check_split(split: Any, n_samples: int) -> IntArray | None:
    """Return the split codes, int (n_samples,): 0 training, 1 validation, 2 test; or None if `split` is None."""
    if split is None:
        return None
    array = _per_sample("split", split, n_samples)
    bad = np.flatnonzero(~np.isin(array, (0, 1, 2)))
    if bad.size:
        value = array.tolist()[bad[0]]
        raise DataError(f"split of row {bad[0]} is {value!r}, expected 0 (training), 1 (validation) or 2 (test)")
    return array.astype(np.int64)


def check_weights(weights: Any, n_samples: int) -> FloatArray:
    """Return sample weights, float (n_samples,): finite, non-negative and not all 0. A scalar is repeated."""
    array = numeric_array("sample_weight", weights).astype(np.float64)
    if array.ndim == 0:
        array = np.full(n_samples, float(array))
    if array.shape != (n_samples,):
        raise ShapeError(f"sample_weight has shape {array.shape}, expected ({n_samples},) (one per sample)")
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if bad.size:
        raise DataError(f"sample_weight of row {bad[0]} is {array[bad[0]]}, expected a finite number >= 0")
    if not array.any():
        raise DataError("sample_weight is zero for all samples: nothing to learn from")
    return array


def check_coverage(coverage: Any) -> float:
    """Return `coverage` as a float in (0, 1)."""
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise DataError(f"coverage is {coverage!r}, expected a number between 0 and 1, such as 0.9")
    return float(coverage)


def check_probability(what: str, probability: Any) -> float:
    """Return `probability` as a float in [0, 1]; `what` names it in the error message."""
    if not isinstance(probability, Real) or not 0 <= float(probability) <= 1:
        raise DataError(f"{what} is {probability!r}, expected a number from 0 to 1")
    return float(probability)


def check_missing_rates(missing_rates: Mapping[str, float]) -> dict[str, float]:
    """Return the missing rates as floats in [0, 1], in the same order."""
    check_modality_names(missing_rates)
    rates: dict[str, float] = {}
    for name, rate in missing_rates.items():
        number = float(rate) if isinstance(rate, Real) else float("nan")
        if not 0.0 <= number <= 1.0:
            raise MissingRateError(f"missing rate of {name!r} is {rate!r}, expected a number in [0, 1]")
        rates[name] = number
    return rates


def check_seed(seed: Any) -> int:
    """Return `seed` as an integer in [0, 2**32)."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise DataError(f"seed is {seed!r}, expected a whole number from 0 to 2**32 - 1")
    return int(seed)
