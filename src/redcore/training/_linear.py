"""Linear models of every kind of target, by scikit-learn, kept as plain arrays."""

import warnings
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression, Ridge

from redcore._types import AnyArray, IntArray
from redcore.data import Target, TargetKind
from redcore.training._settings import MethodSettings

__all__ = ["LinearSettings", "fit_linear", "linear_outputs"]

UNSEEN_LOGIT = -30.0
"""Logit of a class that no sample had."""


class LinearSettings(MethodSettings):
    """Constants of the linear models.

    Attributes
    ----------
    C : float > 0, default 1
        Inverse L2 strength of the logistic regressions.
    alpha : float > 0, default 1
        L2 strength of the ridge regressions.
    max_iter : int >= 1, default 1000
        Most iterations of a logistic regression.
    """

    C: Annotated[float, Field(gt=0)] = 1.0
    alpha: Annotated[float, Field(gt=0)] = 1.0
    max_iter: Annotated[int, Field(ge=1)] = 1000


def fit_linear(values: AnyArray, target: Target, settings: LinearSettings) -> tuple[AnyArray, AnyArray]:
    """Fit logistic regressions for classes and labels, ridge regressions for numbers.

    Parameters
    ----------
    values : array (n_samples, n_features)
    target : Target
        Of the same samples; classes may be absent.
    settings : LinearSettings

    Returns
    -------
    coefficients : array (n_features, n_outputs)
    intercepts : array (n_outputs,)
    """
    if target.kind == "regression":
        model = Ridge(alpha=settings.alpha).fit(values, target.values.reshape(len(values), -1))
        return model.coef_.reshape(-1, values.shape[1]).T.copy(), np.atleast_1d(model.intercept_)
    if target.kind == "multilabel":
        columns = [_logistic(values, column.astype(np.int64), 2, settings) for column in target.values.T]
        return np.concatenate([c[:, 1:] for c, _ in columns], axis=1), np.concatenate([b[1:] for _, b in columns])
    return _logistic(values, target.values, target.n_outputs, settings)


def _logistic(values: AnyArray, codes: IntArray, n_classes: int, settings: LinearSettings) -> tuple[AnyArray, AnyArray]:
    """Fit class logits; classes that do not occur get a very low one, two classes get (0, logit)."""
    coefficients = np.zeros((values.shape[1], n_classes))
    intercepts = np.full(n_classes, UNSEEN_LOGIT)
    seen = np.unique(codes)
    intercepts[seen] = 0.0
    if len(seen) > 1:
        with warnings.catch_warnings():
            # scikit-learn wonders whether many classes on few samples are meant as numbers; they are not
            warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
            model = LogisticRegression(C=settings.C, max_iter=settings.max_iter).fit(values, codes)
        # with two classes there is one row, the logit of the second
        fitted = seen[1:] if len(seen) == 2 else seen
        coefficients[:, fitted], intercepts[fitted] = model.coef_.T, model.intercept_
    elif n_classes == 2:
        intercepts[:] = 0.0, -UNSEEN_LOGIT if seen[0] else UNSEEN_LOGIT
    return coefficients, intercepts


def linear_outputs(linear: AnyArray, kind: TargetKind) -> AnyArray:
    """Return probabilities, or for regression the numbers themselves, of linear predictions (..., n_outputs)."""
    if kind == "regression":
        return linear
    return np.asarray(expit(linear) if kind == "multilabel" else softmax(linear, axis=-1))
