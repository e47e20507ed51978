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
    """Return the position of each label in `among`, -1 for labels that do not occur in it.

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
    """Return the union of the labels of several modalities, and the row of each of them in every modality.

    Parameters
    ----------
    arrays : mapping of str to array (n_rows,)
        Labels of each modality, of one type in all modalities with rows.

    Returns
    -------
    union : array (n_samples,)
        Labels in the order of their first appearance.
    rows : dict of str to int array (n_samples,)
        Row in each modality, -1 if it is without the label.

    Raises
    ------
    DataError
        If a label occurs twice in a modality.

    Examples
    --------
    >>> union, rows = union_rows({"rna": np.array([5, 7]), "blood": np.array([7, 3])})
    >>> union.tolist(), rows["blood"].tolist()
    ([5, 7, 3], [-1, 0, 1])
    """
    filled = [labels for labels in arrays.values() if len(labels)]
    codes = pa.chunked_array([_keys(labels) for labels in filled] or [pa.array([], pa.int64())]).dictionary_encode()
    new: list[AnyArray] = []
    rows: dict[str, IntArray] = {}
    n_union, chunks = 0, iter(codes.chunks)
    n_samples = len(codes.chunk(0).dictionary)  # all chunks have the dictionary of all labels
    for name, labels in arrays.items():
        own = np.asarray(next(chunks).indices) if len(labels) else np.zeros(0, dtype=np.int64)
        rows[name] = np.full(n_samples, -1, dtype=np.int64)
        rows[name][own] = np.arange(len(own))
        if np.count_nonzero(rows[name] >= 0) < len(own):
            check_unique(f"modality {name!r}", labels)
        # codes are numbered by first appearance
        new.append(labels[own >= n_union])
        n_union = max(n_union, int(own.max(initial=-1)) + 1)
    return np.concatenate([labels for labels in new if len(labels)] or new[:1]), rows


def _keys(labels: AnyArray) -> pa.Array:
    """Return labels as an Arrow array."""
    if labels.dtype.kind == "i":
        return pa.array(labels)
    try:
        return pa.array(labels, pa.string()).cast(pa.binary())
    except UnicodeError:  # parts of names of files that are not UTF-8
        return pa.array([label.encode("utf-8", "surrogatepass") for label in labels.tolist()], pa.binary())
