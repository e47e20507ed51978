"""Fit linear models for every kind of target with scikit-learn.

It is imported where a model is fitted, because prediction does not need it and its import takes a second.
"""

import warnings
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field

from redcore._settings import MethodSettings, Search
from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import Target, TargetKind, assign_folds
from redcore.nn import outputs_of

__all__ = ["LinearSettings", "fit_linear", "folds", "linear_outputs", "with_strength"]

CS = (0.01, 0.1, 1.0, 10.0)
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)
N_FOLDS = 3
MAX_CHOICE_ROWS = 2000
LARGEST_CHOICE_LOGIT = 15.0

UNSEEN_LOGIT = -30.0
"""Logit of a class without training samples."""


class LinearSettings(MethodSettings):
    """Settings of linear models.

    Attributes
    ----------
    C : float > 0 or None, default None
        Inverse L2 strength of logistic regressions. None selects among 0.01, 0.1, 1 and 10 the value with the smallest
        log loss in 3-fold cross-validation on at most 2,000 training samples. Folds hold whole groups if the data has
        groups.
    alpha : float > 0 or None, default None
        L2 strength of ridge regressions. None selects among 0.1, 1, ..., 10000 the value with the smallest squared
        error in the same way.
    max_iter : int >= 1, default 1000
        Maximum number of iterations of a logistic regression.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "C": Search(1e-3, 1e2, log=True),
        "alpha": Search(1e-1, 1e4, log=True),
    }

    C: Annotated[float, Field(gt=0)] | None = None
    alpha: Annotated[float, Field(gt=0)] | None = None
    max_iter: Annotated[int, Field(ge=1)] = 1000


def fit_linear(
    values: AnyArray, target: Target, settings: LinearSettings, groups: AnyArray | None = None
) -> tuple[AnyArray, AnyArray]:
    """Fit logistic regressions to classes or labels, or ridge regressions to a continuous target.

    Parameters
    ----------
    values : array (n_samples, n_features)
    target : Target
        Target of the same samples. Classes may be absent.
    settings : LinearSettings
    groups : array (n_samples,), optional
        Groups for the cross-validation that selects a strength of None.

    Returns
    -------
    coefficients : array (n_features, n_outputs)
    intercepts : array (n_outputs,)
    """
    settings = with_strength(values, target, settings, groups)
    if target.kind.is_regression:
        from sklearn.linear_model import Ridge

        numbers = target.values.reshape(len(values), -1)
        model = Ridge(alpha=settings.alpha).fit(values, numbers, sample_weight=target.weights)
        return model.coef_.reshape(-1, values.shape[1]).T.copy(), np.atleast_1d(model.intercept_)
    if target.kind.is_multilabel:
        labels = target.values.T.astype(np.int64)
        columns = [_logistic(values, column, 2, settings, target.weights) for column in labels]
        return np.concatenate([c[:, 1:] for c, _ in columns], axis=1), np.concatenate([b[1:] for _, b in columns])
    return _logistic(values, target.values, target.n_outputs, settings, target.weights)


def with_strength(
    values: AnyArray, target: Target, settings: LinearSettings, groups: AnyArray | None = None
) -> LinearSettings:
    """Return the settings with a regularisation strength of None replaced by the one that cross-validation selects."""
    name, grid = ("alpha", ALPHAS) if target.kind.is_regression else ("C", CS)
    if getattr(settings, name) is not None:
        return settings
    rows = np.random.default_rng(0).permutation(len(values))[:MAX_CHOICE_ROWS]
    if len(rows) < 2 * N_FOLDS:
        return settings.replace(**{name: 1.0})
    values, target = values[rows], target.take(rows)
    parts = folds(len(rows), None if groups is None else groups[rows], N_FOLDS)
    candidates = [settings.replace(**{name: strength}) for strength in grid]
    losses = [sum(_held_out_loss(values, target, one, part) for part in parts) for one in candidates]
    return candidates[int(np.argmin(losses))]


def folds(n_samples: int, groups: AnyArray | None, n_folds: int) -> list[BoolArray]:
    """Return the masks of the held-out samples of each fold. Groups stay whole if there are at least `n_folds`."""
    enough_groups = groups is not None and len(np.unique(groups)) >= n_folds
    numbers = assign_folds(n_samples, n_folds, groups=groups if enough_groups else None)
    return [numbers == fold for fold in range(n_folds)]


def _held_out_loss(values: AnyArray, target: Target, settings: LinearSettings, held_out: BoolArray) -> float:
    train, tested = np.flatnonzero(~held_out), target.take(np.flatnonzero(held_out))
    coefficients, intercepts = fit_linear(values[train], target.take(train), settings)
    linear = values[held_out] @ coefficients + intercepts
    losses = _losses(linear, tested)
    return float(losses.sum() if tested.weights is None else tested.weights @ losses)


def _losses(linear: AnyArray, target: Target) -> AnyArray:
    """Return the loss of every sample."""
    if target.kind.is_regression:
        squares: AnyArray = ((linear - target.values.reshape(linear.shape)) ** 2).sum(axis=1)
        return squares
    from scipy.special import log_softmax

    # bounded, so that a class absent from the training folds does not decide the strength
    linear = linear.clip(-LARGEST_CHOICE_LOGIT, LARGEST_CHOICE_LOGIT)
    if target.kind.is_multilabel:
        return np.asarray((np.logaddexp(0, linear) - target.values * linear).sum(axis=1))
    return np.asarray(-log_softmax(linear, axis=1)[np.arange(len(linear)), target.values])


def _logistic(
    values: AnyArray, codes: IntArray, n_classes: int, settings: LinearSettings, weights: AnyArray | None = None
) -> tuple[AnyArray, AnyArray]:
    """Fit class logits. A class without samples has a logit of -30; two classes have the logits (0, logit)."""
    coefficients = np.zeros((values.shape[1], n_classes))
    intercepts = np.full(n_classes, UNSEEN_LOGIT)
    seen = np.unique(codes)
    intercepts[seen] = 0.0
    if len(seen) > 1:
        from sklearn.linear_model import LogisticRegression

        with warnings.catch_warnings():
            # the warning is about continuous targets passed as classes, which these are not
            warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
            model = LogisticRegression(C=settings.C, max_iter=settings.max_iter)
            model.fit(values, codes, sample_weight=weights)
        # with two classes there is one row, the logit of the second
        fitted = seen[1:] if len(seen) == 2 else seen
        coefficients[:, fitted], intercepts[fitted] = model.coef_.T, model.intercept_
    elif n_classes == 2:
        intercepts[:] = 0.0, -UNSEEN_LOGIT if seen[0] else UNSEEN_LOGIT
    return coefficients, intercepts


def linear_outputs(linear: AnyArray, kind: TargetKind) -> AnyArray:
    """Return `redcore.nn.outputs_of` for an array of logits or predictions, (..., n_outputs)."""
    return outputs_of(torch.from_numpy(linear), kind).numpy()
