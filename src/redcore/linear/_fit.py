"""Linear models of every kind of target, by scikit-learn, kept as plain arrays."""

import warnings
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import LogisticRegression, Ridge

from redcore._settings import MethodSettings, Search
from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import Target, TargetKind, assign_folds

__all__ = ["LinearSettings", "fit_linear", "folds", "linear_outputs", "with_strength"]

CS = (0.01, 0.1, 1.0, 10.0)
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)
N_FOLDS = 3
MAX_CHOICE_ROWS = 2000
LARGEST_CHOICE_LOGIT = 15.0

UNSEEN_LOGIT = -30.0
"""Logit of a class that no sample had."""


class LinearSettings(MethodSettings):
    """Constants of the linear models.

    Attributes
    ----------
    C : float > 0 or None, default None
        Inverse L2 strength of the logistic regressions. None takes the one of 0.01, 0.1, 1 and 10 with the least log
        loss in 3-fold cross-validation on at most 2,000 training samples, whole groups at a time where there are some.
    alpha : float > 0 or None, default None
        L2 strength of the ridge regressions; None takes the one of 0.1, 1, ..., 10000 with the least squared error.
    max_iter : int >= 1, default 1000
        Most iterations of a logistic regression.
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
    """Fit logistic regressions for classes and labels, ridge regressions for numbers.

    Parameters
    ----------
    values : array (n_samples, n_features)
    target : Target
        Of the same samples; classes may be absent.
    settings : LinearSettings
    groups : array (n_samples,), optional
        For the choice of a strength that the settings leave open.

    Returns
    -------
    coefficients : array (n_features, n_outputs)
    intercepts : array (n_outputs,)
    """
    settings = with_strength(values, target, settings, groups)
    if target.kind.is_regression:
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
    """Return the settings with the strength that these samples choose by cross-validation, if it is left open."""
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
    kept, tested = np.flatnonzero(~held_out), target.take(np.flatnonzero(held_out))
    coefficients, intercepts = fit_linear(values[kept], target.take(kept), settings)
    linear = values[held_out] @ coefficients + intercepts
    losses = _losses(linear, tested)
    return float(losses.sum() if tested.weights is None else tested.weights @ losses)


def _losses(linear: AnyArray, target: Target) -> AnyArray:
    """Return the loss of every sample."""
    if target.kind.is_regression:
        squares: AnyArray = ((linear - target.values.reshape(linear.shape)) ** 2).sum(axis=1)
        return squares
    # a class that a fold has not seen is no reason to prefer one strength to another
    linear = linear.clip(-LARGEST_CHOICE_LOGIT, LARGEST_CHOICE_LOGIT)
    if target.kind.is_multilabel:
        return np.asarray((np.logaddexp(0, linear) - target.values * linear).sum(axis=1))
    return np.asarray(-log_softmax(linear, axis=1)[np.arange(len(linear)), target.values])


def _logistic(
    values: AnyArray, codes: IntArray, n_classes: int, settings: LinearSettings, weights: AnyArray | None = None
) -> tuple[AnyArray, AnyArray]:
    """Fit class logits; classes that do not occur get a very low one, two classes get (0, logit)."""
    coefficients = np.zeros((values.shape[1], n_classes))
    intercepts = np.full(n_classes, UNSEEN_LOGIT)
    seen = np.unique(codes)
    intercepts[seen] = 0.0
    if len(seen) > 1:
        with warnings.catch_warnings():
            # scikit-learn wonders whether many classes on few samples are meant as numbers; they are not
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
    """Return probabilities, or for regression the numbers themselves, of linear predictions (..., n_outputs)."""
    if kind.is_regression:
        return linear
    return np.asarray(expit(linear) if kind.is_multilabel else softmax(linear, axis=-1))
