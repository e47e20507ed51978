"""The only place where input is checked: every function returns clean values or raises a named error."""

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
    "numeric_array",
]

NanPolicy: TypeAlias = Literal["error", "missing"]
"""What a NaN in an observed row means: an error, or that the row is missing."""


def check_known(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise `UnknownNameError` for the first of `given` that is not in `known`."""
    known = list(known)
    for name in given:
        if name not in known:
            raise UnknownNameError(kind, name, known)


def check_modality_names(names: Iterable[Any]) -> None:
    """Modality names are non-empty strings; at least one is needed."""
    names = list(names)
    if not names:
        raise DataError("no modality given: expected a mapping of modality name to array")
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"modality name {name!r} is not a non-empty string")


def check_row_count(what: str, n_rows: int, n_samples: int) -> None:
    """Every array has one row per sample."""
    if n_rows != n_samples:
        raise ShapeError(f"{what} has {n_rows} rows, expected {n_samples} (one per sample)")


def numeric_array(what: str, values: Any) -> AnyArray:
    """Return `values` as an array of a real numeric type.

    Raises
    ------
    DataError
        If an entry is text, complex, a date or any other object.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cmM":
            raise TypeError(f"got {array.dtype}, expected real numbers")
        return array if array.dtype.kind in "fiub" else array.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise DataError(f"{what} holds values that are not numbers ({error})") from None


def check_availability(availability: Any, names: Sequence[str], n_samples: int) -> BoolArray:
    """Return `availability` as bool (n_samples, n_modalities), columns in the order of `names`.

    Parameters
    ----------
    availability : array or mapping of modality name to (n_samples,) array
        True (or 1) = observed. An array has its columns in the order of `names`; a mapping may leave
        modalities out, which then count as observed.
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
    array = np.asarray(values)
    if array.shape != shape:
        raise ShapeError(f"{what} has shape {array.shape}, expected {shape}")
    if array.dtype != np.bool_ and (_is_missing(array).any() or not np.isin(array, (0, 1)).all()):
        raise DataError(f"{what} holds values other than True and False (or 1 and 0)")
    return array.astype(bool)


def check_lengths(name: str, lengths: Any, n_samples: int, max_length: int, rows: IntArray) -> IntArray:
    """Return the sequence lengths of `rows`, whole numbers in [0, max_length]; 0 = nothing observed."""
    array = np.asarray(lengths)
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


def check_observed_values(name: str, values: AnyArray, rows: IntArray, nan_rows: NanPolicy) -> BoolArray:
    """Tell which of the observed rows of one modality can be used.

    Parameters
    ----------
    name : str
        Modality, for the message.
    values : array (n_rows, n_features)
        Values to check. For sequences, one row per time step.
    rows : array (n_rows,)
        The sample that each row belongs to, for the message.
    nan_rows : {"error", "missing"}
        Whether a NaN is an error or makes its row missing.

    Returns
    -------
    array (n_rows,)
        False where the row holds a NaN (only with ``nan_rows="missing"``).

    Raises
    ------
    NonFiniteError
        On an infinite value, a value too large for float32, or a NaN that is not allowed.
    """
    if values.dtype.kind != "f":
        return np.ones(len(values), dtype=bool)
    # the magnitude test is False for NaN, so that one pass over clean data is enough
    fits = np.abs(values) <= np.finfo(np.float32).max
    if fits.all():
        return np.ones(len(values), dtype=bool)
    is_nan = np.isnan(values)
    too_large = np.argwhere(~fits & ~is_nan)
    if too_large.size:
        row, feature = too_large[0]
        raise NonFiniteError(
            f"modality {name!r}, row {rows[row]}, feature {feature}: {values[row, feature]} is infinite or "
            "too large for float32; expected a finite value, or NaN in the whole row if it is missing"
        )
    if nan_rows == "error":
        row, feature = np.argwhere(is_nan)[0]
        raise NonFiniteError(
            f"modality {name!r}, row {rows[row]}, feature {feature}: NaN in an observed row; "
            "fill it, or pass nan_rows='missing' to treat such rows as missing"
        )
    return np.asarray(~is_nan.any(axis=1))


def check_labels(labels: Any, n_samples: int, classes: Any = None) -> tuple[IntArray, AnyArray]:
    """Return class codes (n_samples,) and the sorted classes.

    Parameters
    ----------
    labels : array (n_samples,)
        Class of each sample: strings, whole numbers or booleans.
    n_samples : int
        Rows of the data.
    classes : array, optional
        All classes that exist, where some may be absent here. Default: those that occur.

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
    foreign = np.flatnonzero(known[codes] != array)
    if foreign.size:
        label = array.tolist()[foreign[0]]
        raise TargetError(f"label {label!r} in row {foreign[0]} is not among the classes {known.tolist()}")
    return codes.astype(np.int64), known


def _class_array(labels: Any, n_samples: int) -> AnyArray:
    """Return labels as an array of text, whole numbers or booleans."""
    array = _target_array(labels, n_samples)
    if array.dtype.kind == "O":
        array = _uniform("labels", array, TargetError)
    if array.dtype.kind != "f":
        return array
    if np.any(array != np.floor(array)):
        raise TargetError(
            "Unknown label type: continuous; class labels are fractional numbers, expected "
            "classes (for regression use a regressor, or target kind 'regression')"
        )
    return array.astype(np.int64)


def _uniform(what: str, array: AnyArray, error: type[DataError]) -> AnyArray:
    """Return an array of objects as one of their common type."""
    entries = [entry.item() if isinstance(entry, np.generic) else entry for entry in array]
    types = {type(entry) for entry in entries}
    if len(types) > 1:
        listed = ", ".join(sorted(kind.__name__ for kind in types))
        raise error(f"{what} are of mixed types ({listed}), expected one type")
    return np.asarray(entries)


def _entry_array(what: str, values: Any, error: type[DataError]) -> AnyArray:
    """Return `values` as an array in which None and NaN among text stay what they are."""
    try:
        array = np.asarray(values)
    except ValueError as problem:
        raise error(f"{what} are ragged ({problem})") from None
    is_text = array.dtype.kind in "US" and isinstance(values, list | tuple)
    return np.asarray(values, dtype=object) if is_text else array


def _target_array(target: Any, n_samples: int, n_dimensions: int = 1) -> AnyArray:
    """Check what every kind of target must be: present, of the right shape, nothing missing."""
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
        raise TargetError(f"labels missing: row {missing[0][0]} has none ({len(missing)} in all)")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise TargetError(f"label in row {np.argwhere(~np.isfinite(array))[0][0]} is infinite")
    return array


def _is_missing(array: AnyArray) -> BoolArray:
    if array.dtype.kind == "f":
        return np.isnan(array)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, dtype=bool)
    flat = [_is_missing_label(value) for value in array.ravel()]
    return np.asarray(flat, dtype=bool).reshape(array.shape)


def _is_missing_label(value: Any) -> bool:
    # pandas marks missing values by objects of its own, which this package does not import
    nan = isinstance(value, float) and value != value
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")


def check_regression(target: Any, n_samples: int) -> FloatArray:
    """Return a regression target as float64, (n_samples,) or (n_samples, n_outputs)."""
    shape = _entry_array("labels", target, TargetError).shape
    array = _target_array(target, n_samples, 2 if len(shape) == 2 and shape[1] > 1 else 1)
    try:
        return numeric_array("regression target", array).astype(np.float64)
    except DataError as error:
        raise TargetError(str(error)) from None


def check_multilabel(target: Any, n_samples: int) -> FloatArray:
    """Return a multi-label target as float32 zeros and ones, (n_samples, n_labels)."""
    array = _target_array(target, n_samples, 2)
    if array.shape[1] < 1 or not np.isin(array, (0, 1)).all():
        raise TargetError("multi-label target must be a (n_samples, n_labels) array of zeros and ones")
    return array.astype(np.float32)


def check_sample_ids(sample_ids: Any, n_samples: int) -> AnyArray:
    """Return unique sample ids (n_samples,); by default the row numbers."""
    if sample_ids is None:
        return np.arange(n_samples)
    array = _per_sample("sample_ids", sample_ids, n_samples)
    unique, first, counts = np.unique(array, return_index=True, return_counts=True)
    if len(unique) < n_samples:
        twice = int(np.argmax(counts > 1))
        raise DataError(
            f"sample id {unique.tolist()[twice]!r} occurs {counts[twice]} times, first in row {first[twice]}"
        )
    return array


def check_groups(groups: Any, n_samples: int) -> AnyArray | None:
    """Return group labels (n_samples,), or None."""
    return None if groups is None else _per_sample("groups", groups, n_samples)


def _per_sample(what: str, values: Any, n_samples: int) -> AnyArray:
    """Return a copy of one name or number per sample, of one type, none missing."""
    array = _entry_array(what, values, DataError)
    if array.shape != (n_samples,):
        raise ShapeError(f"{what} have shape {array.shape}, expected ({n_samples},) (one per sample)")
    missing = np.flatnonzero(_is_missing(array))
    if missing.size:
        raise DataError(f"{what}: row {missing[0]} has none ({len(missing)} in all)")
    return _uniform(what, array, DataError) if array.dtype.kind == "O" else array.copy()


def check_split(split: Any, n_samples: int) -> IntArray | None:
    """Return the split of each sample: 0 training, 1 validation, 2 test; or None."""
    if split is None:
        return None
    array = _per_sample("split", split, n_samples)
    bad = np.flatnonzero(~np.isin(array, (0, 1, 2)))
    if bad.size:
        value = array.tolist()[bad[0]]
        raise DataError(f"split of row {bad[0]} is {value!r}, expected 0 (training), 1 (validation) or 2 (test)")
    return array.astype(np.int64)


def check_weights(weights: Any, n_samples: int) -> FloatArray:
    """Return sample weights (n_samples,): finite, none negative, not all 0."""
    array = numeric_array("sample_weight", weights).astype(np.float64)
    if array.ndim == 0:
        array = np.full(n_samples, float(array))
    if array.shape != (n_samples,):
        raise ShapeError(f"sample_weight has shape {array.shape}, expected ({n_samples},) (one per sample)")
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if bad.size:
        raise DataError(f"sample_weight of row {bad[0]} is {array[bad[0]]}, expected a finite number of 0 or more")
    if not array.any():
        raise DataError("sample_weight is zero for all samples: nothing to learn from")
    return array


def check_coverage(coverage: Any) -> float:
    """Return a coverage: a number in (0, 1)."""
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise DataError(f"coverage is {coverage!r}, expected a number between 0 and 1, such as 0.9")
    return float(coverage)


def check_probability(what: str, probability: Any) -> float:
    """Return a probability: a number in [0, 1]."""
    if not isinstance(probability, Real) or not 0 <= float(probability) <= 1:
        raise DataError(f"{what} is {probability!r}, expected a number from 0 to 1")
    return float(probability)


def check_missing_rates(missing_rates: Mapping[str, float]) -> dict[str, float]:
    """Return the rates as floats in [0, 1], in the order given."""
    check_modality_names(missing_rates)
    rates: dict[str, float] = {}
    for name, rate in missing_rates.items():
        number = float(rate) if isinstance(rate, Real) else float("nan")
        if not 0.0 <= number <= 1.0:
            raise MissingRateError(f"missing rate of {name!r} is {rate!r}, expected a number in [0, 1]")
        rates[name] = number
    return rates


def check_seed(seed: Any) -> int:
    """Return a seed: a whole number in [0, 2**32)."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise DataError(f"seed is {seed!r}, expected a whole number from 0 to 2**32 - 1")
    return int(seed)
