"""Vectorised look-up of sample labels: arrays (n,) of int64 or text."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from redcore._types import AnyArray, IntArray
from redcore.exceptions import DataError

__all__ = ["are_unique", "check_unique", "positions", "union_rows"]


def are_unique(labels: AnyArray) -> bool:
    """Return True if no label occurs twice."""
    return len(_keys(labels).unique()) == len(labels)


def check_unique(what: str, labels: AnyArray) -> None:
    """Raise `DataError` if a label occurs twice; `what` names the input in the message."""
    n_twice = len(labels) - len(_keys(labels).unique())
    if not n_twice:
        return
    first: dict[object, int] = {}
    for row, label in enumerate(labels.tolist()):
        if first.setdefault(label, row) != row:
            raise DataError(
                f"{what}: label {label!r} occurs in rows {first[label]} and {row} ({n_twice} duplicates in total); "
                "expected unique labels"
            )


def positions(labels: AnyArray, among: AnyArray) -> IntArray:
    """Return the position of each label in `among`, -1 if it is not there.

    Examples
    --------
    >>> positions(np.array(["b", "x"]), np.array(["a", "b"])).tolist()
    [1, -1]
    """
    import pyarrow.compute as pc  # takes a fifth of a second

    if (labels.dtype.kind == "i") != (among.dtype.kind == "i"):
        return np.full(len(labels), -1, dtype=np.int64)
    found = pc.index_in(_keys(labels), value_set=_keys(among))
    return np.asarray(found.fill_null(-1), dtype=np.int64)


def union_rows(arrays: Mapping[str, AnyArray]) -> tuple[AnyArray, dict[str, IntArray]]:
    """Return the union of the labels of several inputs, and the row of each of them in every input.

    Parameters
    ----------
    arrays : mapping of str to array (n_rows,)
        Labels of each input. They are unique, and of one type in all inputs with rows.

    Returns
    -------
    union : array (n_samples,)
        Labels in the order of their first appearance.
    rows : dict of str to int array (n_samples,)
        Row in each input, -1 if it is without the label.

    Examples
    --------
    >>> union, rows = union_rows({"rna": np.array([5, 7]), "blood": np.array([7, 3])})
    >>> union.tolist(), rows["blood"].tolist()
    ([5, 7, 3], [-1, 0, 1])
    """
    union = next((labels for labels in arrays.values() if len(labels)), np.zeros(0, dtype=np.int64))
    places: dict[str, IntArray] = {}
    for name, labels in arrays.items():
        found = np.arange(len(labels)) if labels is union else positions(labels, union)
        new = found < 0
        if new.any():
            found[new] = len(union) + np.arange(new.sum())
            union = np.concatenate([union, labels[new]])
        places[name] = found
    rows = {}
    for name, found in places.items():
        rows[name] = np.full(len(union), -1, dtype=np.int64)
        rows[name][found] = np.arange(len(found))
    return union, rows


def _keys(labels: AnyArray) -> pa.Array:
    """Return labels as an Arrow array."""
    if labels.dtype.kind == "i":
        return pa.array(labels)
    try:
        return pa.array(labels, pa.string()).cast(pa.binary())
    except UnicodeError:  # parts of names of files that are not UTF-8
        return pa.array([label.encode("utf-8", "surrogatepass") for label in labels.tolist()], pa.binary())
