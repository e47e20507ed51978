"""Several targets from columns with missing values."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from redcore._types import BoolArray
from redcore._validation import check_known
from redcore.data._decide_target import Task, decide_target
from redcore.data._labels import known_values
from redcore.data._survival import survival_fields
from redcore.data._target import Target
from redcore.exceptions import TargetError

__all__ = ["several_targets"]


def several_targets(columns: Any, tasks: Mapping[str, Task] | None = None) -> Target:
    """Return the mixed target of several columns, which may be of different kinds.

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
    if not isinstance(columns, Mapping) and not hasattr(columns, "columns"):
        raise TargetError(
            f"expected a mapping or a data frame with one column per target, got {type(columns).__name__}"
        )
    names = list(columns.keys() if isinstance(columns, Mapping) else columns.columns)
    check_known("target (of tasks)", tasks, [str(name) for name in names])
    parts: dict[str, Target] = {}
    labelled: dict[str, BoolArray] = {}
    for name in names:
        values, what = columns[name], str(name)
        if isinstance(values, Target):
            parts[what], labelled[what] = values, np.ones(len(values.values), dtype=bool)
            continue
        array, known = known_values(what, values)
        if not known.any():
            raise TargetError(f"target {what!r}: no sample has a value")
        task, option = tasks.get(what, "auto"), f"the task of {what!r} to 'numbers'"
        fields = survival_fields(array)
        single = Target.from_survival(*fields) if fields else decide_target(array, task, repr(what), option=option)
        parts[what], labelled[what] = single, known
    return Target.from_parts(parts, labelled)
