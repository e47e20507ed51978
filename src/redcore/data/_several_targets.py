"""Several targets from columns with missing values."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore._validation import check_known, is_missing
from redcore.data._decide_target import Task, decide_target
from redcore.data._survival import survival_fields
from redcore.data._target import Target
from redcore.exceptions import TargetError

__all__ = ["several_targets"]


def several_targets(columns: Any, tasks: Mapping[str, Task] | None = None) -> Target:
    """Return the mixed target of several columns, each of its own kind.

    Parameters
    ----------
    columns : mapping or data frame
        Values by name: an array (n_samples,) of classes or numbers; an array (n_samples, n_columns) of labels or
        numbers; a structured array of times and events; or a `Target`. Samples with None or NaN have no value.
    tasks : mapping of str to {"auto", "classes", "numbers", "labels", "survival"}, optional
        Kind of a column, "auto" by default; see `decide_target`.

    Raises
    ------
    TargetError
        If a column has no value, is not of the kind in `tasks`, or has another number of samples than the first.

    Examples
    --------
    >>> target = several_targets({"stage": ["early", "late", None], "age": [61.5, np.nan, 70.2]})
    >>> [(part.name, part.kind) for part in target.parts]
    [('stage', 'binary'), ('age', 'regression')]
    >>> target.labelled("age").tolist()
    [True, False, True]
    """
    tasks = tasks or {}
    names = list(columns.keys() if isinstance(columns, Mapping) else columns.columns)
    check_known("target (of tasks)", tasks, [str(name) for name in names])
    parts: dict[str, Target] = {}
    labelled: dict[str, BoolArray] = {}
    for name in names:
        values, what = columns[name], str(name)
        if isinstance(values, Target):
            parts[what], labelled[what] = values, np.ones(len(values.values), dtype=bool)
            continue
        array, known = _with_mask(what, values)
        if not known.any():
            raise TargetError(f"target {what!r}: no sample has a value")
        task, option = tasks.get(what, "auto"), f"the task of {what!r} to 'numbers'"
        fields = survival_fields(array)
        single = Target.from_survival(*fields) if fields else decide_target(array, task, repr(what), option=option)
        parts[what], labelled[what] = single, known
    return Target.from_parts(parts, labelled)


def _with_mask(name: str, values: Any) -> tuple[AnyArray, BoolArray]:
    """Return the known values of a column, and a mask of the samples with a value."""
    array = np.asarray(values)
    if array.ndim not in (1, 2):
        raise TargetError(f"target {name!r} has shape {array.shape}, expected 1 or 2 dimensions")
    if array.dtype.kind == "f":
        known = ~np.isnan(array) if array.ndim == 1 else ~np.isnan(array).any(axis=1)
    elif array.dtype.kind == "O":
        rows = array.tolist()
        known = np.array([not any(map(is_missing, row if array.ndim == 2 else (row,))) for row in rows], dtype=bool)
    else:
        known = np.ones(len(array), dtype=bool)
    chosen = array[known]
    if chosen.dtype.kind == "O" and len({type(entry) for entry in chosen.ravel().tolist()}) == 1:
        chosen = np.array(chosen.tolist())
    if chosen.dtype.kind == "f" and not known.all() and bool((chosen == np.floor(chosen)).all()):
        # a frame holds whole numbers as floats if some of them are missing
        chosen = chosen.astype(np.int64)
    return chosen, known
