"""Fit linear models for every kind of target."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field

from redcore._settings import MethodSettings, Search
from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import Target, TargetKind, assign_folds
from redcore.linear._hazard import hazard_losses, hazard_path
from redcore.linear._logistic import GRADIENT_TOLERANCE, logistic_path
from redcore.linear._principal import MAX_AXES, PrincipalAxes
from redcore.linear._ridge import ridge_path
from redcore.nn import outputs_of

__all__ = ["LinearSettings", "fit_linear", "fit_selected", "folds", "linear_outputs", "predict_folds"]

CS = (0.01, 0.1, 1.0, 10.0)
HAZARD_CS = (1e-4, 1e-3, *CS)
"""Values of C for hazards. Censored times have less information, and need a stronger penalty."""
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)
N_FOLDS = 3
MAX_CHOICE_ROWS = 2000
LARGEST_CHOICE_LOGIT = 15.0

CHOICE_TOLERANCE = 1e-3
"""Tolerance of the logistic regressions of the cross-validation: held-out losses need fewer digits than a solution."""

MAX_ROTATED_FEATURES = 512
"""Largest number of features, fewer than the samples, that logistic regressions replace by their principal axes."""

UNSEEN_LOGIT = -30.0
"""Logit of a class without training samples."""


class LinearSettings(MethodSettings):
    """Settings of linear models.

    Attributes
    ----------
    C : float > 0 or None, default None
        Inverse L2 strength of logistic regressions, of classes or of hazards. None selects among 0.01, 0.1, 1 and 10
        the value with the smallest log loss in 3-fold cross-validation on at most 2,000 training samples. The search
        starts at 0.01 and ends at the first value with a larger loss than the value before. Folds hold whole groups if
        the data has groups. For hazards, the search starts at 0.0001.
    alpha : float > 0 or None, default None
        L2 strength of ridge regressions. None selects among 0.1, 1, ..., 10000 the value with the smallest squared
        error in the same folds.
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
    """Fit logistic regressions to classes, labels or hazards, or ridge regressions to a continuous target.

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
    return fit_selected(values, target, settings, groups)[1:]


def fit_selected(
    values: AnyArray, target: Target, settings: LinearSettings, groups: AnyArray | None = None
) -> tuple[LinearSettings, AnyArray, AnyArray]:
    """Return the settings with the selected regularisation strength, and the result of `fit_linear`.

    With more features than samples, the cross-validation and the final fit share one Gram matrix of the samples.
    """
    axes = _axes(values, target.kind)
    name = _strength_name(target.kind)
    if getattr(settings, name) is None:
        settings = settings.replace(**{name: _selected_strength(axes.scores, target, settings, groups)})
    of_scores, intercepts = _fit_scores(axes.scores, target, settings)
    coefficients = axes.coefficients(of_scores)
    return settings, coefficients, intercepts - axes.centre @ coefficients


def predict_folds(
    values: AnyArray, target: Target, settings: LinearSettings, held_out: Sequence[BoolArray]
) -> AnyArray:
    """Predict the held-out samples of each fold with a model of the other samples, (n_samples, n_outputs).

    Parameters
    ----------
    values, target
        As in `fit_linear`.
    settings : LinearSettings
        With a regularisation strength.
    held_out : sequence of bool array (n_samples,)
        Masks that together cover all samples.
    """
    scores = _axes(values, target.kind).scores
    linear = np.zeros((len(values), target.n_outputs))
    for mask in held_out:
        train = np.flatnonzero(~mask)
        coefficients, intercepts = _fit_scores(scores[train], target.take(train), settings)
        linear[mask] = scores[mask] @ coefficients + intercepts
    return linear


def _strength_name(kind: TargetKind) -> str:
    return "alpha" if kind.is_regression else "C"


def _axes(values: AnyArray, kind: TargetKind) -> PrincipalAxes:
    """Return principal axes where they pay, else the features; fits on either have the same solution."""
    n_samples, n_features = values.shape
    if n_features > n_samples:
        rotate = n_samples <= MAX_AXES
    else:
        rotate = n_features <= MAX_ROTATED_FEATURES and not kind.is_regression
    return PrincipalAxes.fit(values) if rotate else PrincipalAxes.unrotated(values)


def _fit_scores(scores: AnyArray, target: Target, settings: LinearSettings) -> tuple[AnyArray, AnyArray]:
    return next(_path(scores, target, [getattr(settings, _strength_name(target.kind))], settings.max_iter))


def _path(
    values: AnyArray,
    target: Target,
    strengths: Sequence[float],
    max_iter: int,
    tolerance: float = GRADIENT_TOLERANCE,
) -> Iterator[tuple[AnyArray, AnyArray]]:
    """Yield coefficients (n_features, n_outputs) and intercepts (n_outputs,) for one strength after the other."""
    counts = target.weights
    if target.kind.is_regression:
        yield from ridge_path(values, target.values.reshape(len(values), -1), strengths, counts)
    elif target.kind.is_survival:
        n_bins, positions = target.n_outputs, target.time_grid.positions(target.values)
        for coefficients, intercepts in hazard_path(values, positions, n_bins, strengths, max_iter, counts, tolerance):
            yield np.repeat(coefficients[:, None], n_bins, axis=1), intercepts
    elif target.kind.is_multilabel:
        labels = target.values.T.astype(np.int64)
        paths = [_class_path(values, label, 2, strengths, max_iter, counts, tolerance) for label in labels]
        for columns in zip(*paths, strict=True):
            yield np.concatenate([c[:, 1:] for c, _ in columns], axis=1), np.concatenate([b[1:] for _, b in columns])
    else:
        yield from _class_path(values, target.values, target.n_outputs, strengths, max_iter, counts, tolerance)


def _selected_strength(
    values: AnyArray, target: Target, settings: LinearSettings, groups: AnyArray | None = None
) -> float:
    """Return the regularisation strength that cross-validation selects."""
    rows = np.random.default_rng(0).permutation(len(values))[:MAX_CHOICE_ROWS]
    if len(rows) < 2 * N_FOLDS:
        return 1.0
    values, target = values[rows], target.take(rows)
    if values.shape[1] > len(rows):
        values = PrincipalAxes.fit(values).scores
    grid = ALPHAS if target.kind.is_regression else HAZARD_CS if target.kind.is_survival else CS
    parts = folds(len(rows), None if groups is None else groups[rows], N_FOLDS)
    paths = []
    for held_out in parts:
        train = np.flatnonzero(~held_out)
        paths.append(_path(values[train], target.take(train), grid, settings.max_iter, CHOICE_TOLERANCE))
    losses: list[float] = []
    for models in zip(*paths, strict=True):
        losses.append(sum(_held_out_loss(values, target, *one) for one in zip(models, parts, strict=True)))
        if not target.kind.is_regression and losses[-1] > min(losses):
            break
    return grid[int(np.argmin(losses))]


def folds(n_samples: int, groups: AnyArray | None, n_folds: int) -> list[BoolArray]:
    """Return the masks of the held-out samples of each fold. Groups stay whole if there are at least `n_folds`."""
    enough_groups = groups is not None and len(np.unique(groups)) >= n_folds
    numbers = assign_folds(n_samples, n_folds, groups=groups if enough_groups else None)
    return [numbers == fold for fold in range(n_folds)]


def _held_out_loss(values: AnyArray, target: Target, model: tuple[AnyArray, AnyArray], held_out: BoolArray) -> float:
    coefficients, intercepts = model
    tested = target.take(np.flatnonzero(held_out))
    losses = _losses(values[held_out] @ coefficients + intercepts, tested)
    return float(losses.sum() if tested.weights is None else tested.weights @ losses)


def _losses(linear: AnyArray, target: Target) -> AnyArray:
    """Return the loss of every sample."""
    if target.kind.is_regression:
        squares: AnyArray = ((linear - target.values.reshape(linear.shape)) ** 2).sum(axis=1)
        return squares
    from scipy.special import log_softmax

    # bounded, so that a class absent from the training folds does not decide the strength
    linear = linear.clip(-LARGEST_CHOICE_LOGIT, LARGEST_CHOICE_LOGIT)
    if target.kind.is_survival:
        return hazard_losses(linear, target.time_grid.positions(target.values))[0]
    if target.kind.is_multilabel:
        return np.asarray((np.logaddexp(0, linear) - target.values * linear).sum(axis=1))
    return np.asarray(-log_softmax(linear, axis=1)[np.arange(len(linear)), target.values])


def _class_path(
    values: AnyArray,
    codes: IntArray,
    n_classes: int,
    strengths: Sequence[float],
    max_iter: int,
    counts: AnyArray | None,
    tolerance: float,
) -> Iterator[tuple[AnyArray, AnyArray]]:
    """Yield class logits. A class without samples has a logit of -30; two classes have the logits (0, logit)."""
    seen, places = np.unique(codes, return_inverse=True)
    constants = np.full(n_classes, UNSEEN_LOGIT)
    constants[seen] = 0.0
    if len(seen) == 1:
        if n_classes == 2:
            constants[:] = 0.0, -UNSEEN_LOGIT if seen[0] else UNSEEN_LOGIT
        for _ in strengths:
            yield np.zeros((values.shape[1], n_classes)), constants
        return
    # of two classes, the second has a logit
    columns = seen[1:] if len(seen) == 2 else seen
    for of_columns, of_intercepts in logistic_path(values, places, len(seen), strengths, max_iter, counts, tolerance):
        coefficients, intercepts = np.zeros((values.shape[1], n_classes)), constants.copy()
        coefficients[:, columns], intercepts[columns] = of_columns, of_intercepts
        yield coefficients, intercepts


def linear_outputs(linear: AnyArray, kind: TargetKind) -> AnyArray:
    """Return `redcore.nn.outputs_of` for an array of logits or predictions, (..., n_outputs)."""
    return outputs_of(torch.from_numpy(linear), kind).numpy()
