"""Checks of the training data of a method."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from redcore._discovery import name_of
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, DataWarning, EmptySampleWarning, MissingCellsWarning, TargetError

if TYPE_CHECKING:
    from redcore.methods._base._method import Method

__all__ = ["trainable", "warn_of_missing_cells"]

MAX_LISTED = 5
"""Largest number of columns in a warning."""
LISTED_KINDS = "classes, labels or numbers"


def trainable(data: MultimodalData, method: "Method") -> MultimodalData:
    """Check the training data, and remove samples without any modality or with a weight of 0."""
    if data.target is None:
        raise TargetError("labels are missing: cannot fit without a target")
    if not data.n_samples:
        raise DataError('the training data has no samples; the part "train" of data without a split is empty')
    observed = data.availability.any(axis=1)
    if not observed.any():
        raise DataError("all modalities are missing everywhere: nothing to learn from")
    if not observed.all() and not method.settings.keep_empty_samples:
        warnings.warn(
            f"{np.count_nonzero(~observed)} of {data.n_samples} samples observe no modality and are left out of "
            "training",
            EmptySampleWarning,
            stacklevel=4,
        )
        data = data.take(np.flatnonzero(observed))
    weights = None if data.target is None else data.target.weights
    if weights is not None and not weights.all():
        data = data.take(np.flatnonzero(weights))
    if data.target is not None and data.target.kind.is_mixed:
        data = _with_a_label(data)
    # weights are normalised over the remaining samples
    assert data.target is not None
    target = data.target.weighted(data.target.weights)
    if target.kind.is_mixed:
        _check_parts(target, method)
    else:
        _check_kind(target, method)
    # the time bins are those of the training samples, without the validation and test samples
    has_grid = target.kind.is_survival or target.kind.is_mixed
    return replace(data, target=target.on_grid() if has_grid else target)


def _check_kind(target: Target, method: "Method") -> None:
    """Check that the method supports a single target, and that a class target has two classes."""
    name = name_of("redcore.methods", type(method))
    if method.survival_only and not target.kind.is_survival:
        raise TargetError(f"method {name!r} expects a survival target, got {target.kind}")
    if target.is_classification and len(np.unique(target.values)) < 2:
        label = np.asarray(target.classes).tolist()[target.values[0]]
        raise TargetError(f"only one class in training: {label!r}; expected at least two")
    if target.kind.is_survival and not method.supports_survival:
        raise TargetError(f"method {name!r} does not support a survival target, expected {LISTED_KINDS}")


def _check_parts(target: Target, method: "Method") -> None:
    """Check that the method supports a mixed target, and each of its parts."""
    if not method.supports_mixed:
        name = name_of("redcore.methods", type(method))
        raise TargetError(
            f"method {name!r} does not support several targets ({', '.join(target.part_names)}); expected one target, "
            "or a method such as 'stacked'"
        )
    for name in target.part_names:
        if not target.labelled(name).any():
            raise TargetError(f"target {name!r}: no training sample has a value")
        try:
            _check_kind(target.of_part(name), method)
        except TargetError as error:
            raise TargetError(f"target {name!r}: {error}") from None


def _with_a_label(data: MultimodalData) -> MultimodalData:
    """Return the samples with a value of at least one of several targets."""
    target = data.target
    assert target is not None
    labelled = np.any([target.labelled(name) for name in target.part_names], axis=0)
    if labelled.all():
        return data
    if not labelled.any():
        raise TargetError("labels are missing: no sample with an observed modality has a value of any target")
    warnings.warn(
        f"{np.count_nonzero(~labelled)} of {data.n_samples} samples have no value of any target and are left out of "
        "training",
        DataWarning,
        stacklevel=5,
    )
    return data.take(np.flatnonzero(labelled))


def warn_of_missing_cells(data: MultimodalData, shares: Mapping[str, Mapping[str, float]]) -> None:
    """Warn of the columns whose missing cells are filled. `shares` are those of the missing cells, by modality."""
    for name, columns in shares.items():
        listed = [f"{column} {share:.1%}" for column, share in columns.items()][:MAX_LISTED]
        more = f" and {len(columns) - MAX_LISTED} more" if len(columns) > MAX_LISTED else ""
        warnings.warn(
            f"modality {name!r}: missing cells in {len(columns)} of {data.modalities[name].n_features} columns are "
            f"filled ({', '.join(listed)}{more}); set within_modality to 'drop' or 'error' to change this",
            MissingCellsWarning,
            stacklevel=4,
        )
