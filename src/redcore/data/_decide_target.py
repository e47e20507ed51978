"""Decision on the kind of a target that is read from a file."""

import warnings
from typing import Any, Literal, TypeAlias

import numpy as np

from redcore._types import AnyArray
from redcore.data._labels import numbers_of, warn_of_similar
from redcore.data._target import Target
from redcore.exceptions import DataWarning, TargetError

__all__ = ["Task", "decide_target", "is_fractional", "numeric_classes"]

Task: TypeAlias = Literal["auto", "classes", "numbers", "labels", "survival"]
"""Kind of a target as an option of readers; "labels" is multi-label."""

MANY_VALUES = 20
"""Whole numbers with more different values may be a continuous target."""
MANY_SAMPLES_PER_VALUE = 20
MIN_DENSITY = 0.5
"""Smallest number of different values, relative to the length of their range, of a dense range."""


def decide_target(values: Any, task: Task, what: str, names: Any = None, option: str = "option task=numbers") -> Target:
    """Return the values of a file as a target of the right kind.

    Parameters
    ----------
    values : array (n_samples,) or (n_samples, n_columns)
        Text, numbers or booleans; None or NaN for absent labels.
    task : {"auto", "classes", "numbers", "labels", "survival"}
        Kind of the target. "auto": several columns are labels if they contain only zeros and ones, and otherwise a
        continuous target with several outputs. One column is a continuous target if it contains fractional numbers, and
        otherwise classes. "survival": the columns are times and events.
    what : str
        Column or key of the target, for messages.
    names : sequence of str, optional
        Names of the labels, if the target has labels.
    option : str
        Option that reads whole numbers as a continuous target, for the warning.

    Raises
    ------
    TargetError
        If labels are absent, or are not of the kind `task`.

    Warns
    -----
    DataWarning
        If "auto" reads whole numbers as classes that may be a continuous target, such as ages: more than `MANY_VALUES`
        different numbers that fill at least half of their range, or have few samples each. If classes differ only in
        case, blanks or encoding.

    Examples
    --------
    >>> decide_target([0.5, 2.0], "auto", "'age'").kind, decide_target([1, 2, 1], "auto", "'stage'").kind
    ('regression', 'binary')
    """
    try:
        target = _target(np.asarray(values), task, names)
    except TargetError as error:
        raise TargetError(f"target {what}: {error}") from None
    if target.is_classification:
        warn_of_similar(f"target {what}", np.asarray(target.classes))
    if task == "auto" and target.is_classification:
        _warn_of_numbers(target, what, option)
    return target


def _target(values: AnyArray, task: Task, names: Any) -> Target:
    if task == "survival":
        if values.ndim != 2 or values.shape[1] != 2:
            raise TargetError("task 'survival' needs times and events; name the events, such as event=status=dead")
        return Target.from_survival(*values.T)
    if values.ndim == 2 and values.shape[1] == 1 and task != "labels":
        values = values[:, 0]
    if task == "labels":
        return Target.from_multilabel(numbers_of(values if values.ndim == 2 else values[:, None]), names)
    if values.ndim == 2:
        if task == "classes":
            raise TargetError(f"task 'classes' needs one column, got {values.shape[1]} columns")
        numbers = numbers_of(values)
        if task == "auto" and np.isin(numbers, (0, 1)).all():
            return Target.from_multilabel(numbers, names)
        return Target.from_numbers(numbers)
    if task == "numbers":
        return Target.from_numbers(numbers_of(values))
    if task == "auto" and is_fractional(values):
        return Target.from_numbers(values)
    return Target.from_labels(values)


def _warn_of_numbers(target: Target, what: str, option: str) -> None:
    """Warn of classes that may be a continuous target."""
    if values := numeric_classes(target):
        text = (
            f"target {what}: {values} are read as classes. If they are a continuous target, set {option}; if they are "
            f"classes, set {option.replace('numbers', 'classes')}"
        )
        warnings.warn(DataWarning(text), stacklevel=3)


def numeric_classes(target: Target) -> str:
    """Return a description of classes that are whole numbers and may be a continuous target; empty for others."""
    classes = np.asarray(target.classes)
    if classes.dtype.kind not in "iu" or len(classes) <= MANY_VALUES:
        return ""
    length = int(classes.max()) - int(classes.min()) + 1
    is_dense = len(classes) >= MIN_DENSITY * length
    if not is_dense and len(target.values) >= MANY_SAMPLES_PER_VALUE * len(classes):
        return ""
    return f"{len(classes)} different whole numbers from {classes[0]} to {classes[-1]}"


def is_fractional(values: AnyArray) -> bool:
    """Return True if all values are numbers, and some are not whole."""
    if values.dtype.kind == "O" and all(isinstance(entry, float | np.floating) for entry in values.ravel()):
        values = values.astype(np.float64)
    return values.dtype.kind == "f" and bool((values != np.floor(values)).any() and not np.isnan(values).any())
