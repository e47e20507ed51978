"""Checks of the training data of a method."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from redcore._discovery import name_of
from redcore.data import MultimodalData
from redcore.exceptions import DataError, EmptySampleWarning, MissingCellsWarning, TargetError

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
    target = data.target
    if target is not None and target.weights is not None:
        # weights are normalised over the remaining samples
        data = replace(data, target=target.weighted(target.weights))
    if target is not None and method.survival_only and not target.kind.is_survival:
        name = name_of("redcore.methods", type(method))
        raise TargetError(f"method {name!r} expects a survival target, got {target.kind}")
    if target is not None and target.is_classification and len(np.unique(target.values)) < 2:
        label = np.asarray(target.classes).tolist()[target.values[0]]
        raise TargetError(f"only one class in training: {label!r}; expected at least two")
    if target is not None and target.kind.is_survival:
        if not method.supports_survival:
            name = name_of("redcore.methods", type(method))
            raise TargetError(f"method {name!r} does not support a survival target, expected {LISTED_KINDS}")
        # the time bins are those of the training samples, without the validation and test samples
        data = replace(data, target=target.weighted(target.weights).on_grid())
    return data


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
