"""Conversion of labels of a file to the classes of a model."""

import unicodedata
import warnings
from typing import Any

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore._validation import is_missing
from redcore.exceptions import DataWarning, TargetError, shortened

__all__ = ["known_values", "labels_like", "numbers_of", "warn_of_similar"]

BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def warn_of_similar(what: str, classes: Any) -> None:
    """Warn of an empty class, and of classes that differ only in case, blanks or the form of Unicode characters."""
    names = [str(name) for name in classes if isinstance(name, str)]
    if any(not name.strip() for name in names):
        text = f"{what}: empty text is read as a class; leave out the samples without a label if it stands for none"
        warnings.warn(DataWarning(text), stacklevel=3)
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), name)
        if other != name:
            text = f"{what}: classes {other!r} and {name!r} differ only in case, blanks or the form of characters"
            warnings.warn(DataWarning(text), stacklevel=3)
            return


def labels_like(labels: AnyArray, classes: AnyArray) -> AnyArray:
    """Return labels (n_samples,) in the type of `classes`: text, integers or booleans.

    Files store the same labels in different types: classes "1", "2" and "3a" are text, but a file with only "1" and
    "2" contains integers. Labels that cannot be converted stay text, so that they are not among the classes.

    Examples
    --------
    >>> labels_like(np.array([1, 2]), np.array(["1", "2", "3a"])).tolist()
    ['1', '2']
    >>> labels_like(np.array(["1.0", "2"]), np.array([1, 2])).tolist()
    [1, 2]
    """
    kind = classes.dtype.kind
    if labels.dtype.kind == kind and kind != "O":
        return labels
    if kind == "U":
        known = set(classes.tolist())
        return np.array([_text(value, known) for value in labels.tolist()], dtype=str)
    entries = [_boolean(value) if kind == "b" else _integer(value) for value in labels.tolist()]
    if any(entry is None for entry in entries):
        row = next(row for row, entry in enumerate(entries) if entry is None)
        raise TargetError(
            f"label {labels.tolist()[row]!r} in row {row} is not among the classes [{shortened(classes.tolist(), 20)}]"
        )
    return np.array(entries)


def _text(value: Any, known: set[str]) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text.lower() if isinstance(value, bool) and text not in known else text


def _boolean(value: Any) -> bool | None:
    return BOOLEANS.get(str(int(value) if isinstance(value, float) and value.is_integer() else value).lower())


def _integer(value: Any) -> int | None:
    try:
        number = float(value)
        # a float may have rounded the digits of a long integer
        return int(value) if isinstance(value, str) and value.lstrip("+-").isdecimal() else _whole(number)
    except (TypeError, ValueError, OverflowError):
        return None


def _whole(number: float) -> int | None:
    return int(number) if number.is_integer() else None


def numbers_of(labels: AnyArray) -> AnyArray:
    """Return labels of any type as numbers, float64; raise `TargetError` for the first that is not a number."""
    try:
        return np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError):
        pass
    for row, value in enumerate(labels.tolist()):
        try:
            float(value)
        except (TypeError, ValueError):
            raise TargetError(f"label {value!r} in row {row} is not a number") from None
    raise TargetError(f"labels are of type {labels.dtype}, expected numbers")


def known_values(name: str, values: Any) -> tuple[AnyArray, BoolArray]:
    """Return the known values of a target, and a mask of the samples with a value, bool (n_samples,).

    Samples with None, NaN or, in text, an empty string have no value. Whole numbers that are floats since others are
    missing become integers.
    """
    array = np.asarray(values)
    if array.ndim not in (1, 2):
        raise TargetError(f"target {name!r} has shape {array.shape}, expected 1 or 2 dimensions")
    if array.dtype.kind == "f":
        known = ~np.isnan(array) if array.ndim == 1 else ~np.isnan(array).any(axis=1)
    elif array.dtype.kind == "O":
        rows = array.tolist()
        known = np.array([not any(map(is_missing, row if array.ndim == 2 else (row,))) for row in rows], dtype=bool)
    elif array.dtype.kind == "U" and array.ndim == 1:
        known = array != ""
    else:
        known = np.ones(len(array), dtype=bool)
    chosen = array[known]
    if chosen.dtype.kind == "O" and len({type(entry) for entry in chosen.ravel().tolist()}) == 1:
        chosen = np.array(chosen.tolist())
    if chosen.dtype.kind == "f" and not known.all() and bool((chosen == np.floor(chosen)).all()):
        # a frame holds whole numbers as floats if some of them are missing
        chosen = chosen.astype(np.int64)
    return chosen, known
