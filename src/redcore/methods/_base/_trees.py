"""Decision trees as arrays, so that fitted trees are saved and evaluated without the package that grew them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from redcore._types import AnyArray, IntArray

__all__ = ["joined_trees", "leaves", "sum_of_trees"]

FIELDS = ("left", "right", "feature", "threshold", "missing_left")


def leaves(nodes: Mapping[str, AnyArray], table: AnyArray) -> IntArray:
    """Return the node of the leaf of one tree that each sample reaches, (n_samples,).

    Parameters
    ----------
    nodes : mapping of str to array (n_nodes,)
        ``left`` and ``right`` are the nodes of the branches, where a leaf has a left branch of -1 or 0. Samples with
        ``table[:, feature] <= threshold`` take the left branch, and those with NaN if ``missing_left`` is True.
    table : array (n_samples, n_columns)
        May contain NaN.
    """
    node = np.zeros(len(table), dtype=np.int64)
    rows = np.arange(len(table))
    while rows.size:
        rows = rows[nodes["left"][node[rows]] > 0]
        current = node[rows]
        values = table[rows, nodes["feature"][current]]
        with np.errstate(invalid="ignore"):
            is_left = np.where(
                np.isnan(values), nodes["missing_left"][current] != 0, values <= nodes["threshold"][current]
            )
        node[rows] = np.where(is_left, nodes["left"][current], nodes["right"][current])
    return node


def joined_trees(trees: Sequence[tuple[Any, AnyArray]]) -> dict[str, AnyArray]:
    """Return the arrays of several trees, one tree after the other.

    Parameters
    ----------
    trees : sequence of (tree, values)
        Fitted ``tree_`` of scikit-learn, and the values of its leaves in the order of their nodes, (n_leaves, ...).
    """
    parts: dict[str, list[AnyArray]] = {name: [] for name in FIELDS}
    for tree, _ in trees:
        parts["left"].append(tree.children_left.astype(np.int32))
        parts["right"].append(tree.children_right.astype(np.int32))
        parts["feature"].append(tree.feature.astype(np.int32))
        parts["threshold"].append(tree.threshold.astype(np.float64))
        parts["missing_left"].append(tree.missing_go_to_left.astype(np.uint8))
    sizes = np.array([tree.node_count for tree, _ in trees])
    values = np.concatenate([values for _, values in trees])
    return {"sizes": sizes, "values": values, **{name: np.concatenate(part) for name, part in parts.items()}}


def sum_of_trees(arrays: Mapping[str, AnyArray], table: AnyArray) -> AnyArray:
    """Return the sum over all trees of the values of the leaves that each sample reaches, (n_samples, ...).

    Parameters
    ----------
    arrays : mapping of str to array
        Result of `joined_trees`.
    table : array (n_samples, n_columns)
        Compared with the thresholds in single precision, as in scikit-learn.
    """
    table = table.astype(np.float32)
    ends = np.cumsum(arrays["sizes"])
    # row of `values` of each leaf
    places = np.cumsum(arrays["left"] < 0) - 1
    total = np.zeros((len(table), *arrays["values"].shape[1:]))
    for start, end in zip(ends - arrays["sizes"], ends, strict=True):
        reached = start + leaves({name: arrays[name][start:end] for name in FIELDS}, table)
        total += arrays["values"][places[reached]]
    return total
