"""Scores of continuous sentiment, as reported in the literature on CMU-MOSI, CMU-MOSEI and CH-SIMS."""

import numpy as np

from redcore._types import AnyArray
from redcore._validation import check_row_count

__all__ = ["mosi_scores", "sims_scores"]


def mosi_scores(true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    """Score predictions of sentiment in [-3, 3] (CMU-MOSI, CMU-MOSEI).

    Parameters
    ----------
    true, predicted : array (n_samples,)

    Returns
    -------
    dict
        - ``acc2_has0``, ``f1_has0``: accuracy and F1 of negative versus non-negative;
        - ``acc2_non0``, ``f1_non0``: accuracy and F1 of the sign, over samples with nonzero true sentiment; None
          without such samples;
        - ``acc5``, ``acc7``: accuracy after clipping to [-2, 2] or [-3, 3] and rounding;
        - ``mae``: mean absolute error;
        - ``corr``: Pearson correlation; None if `true` or `predicted` is constant.

        F1 is weighted by class frequency.
    """
    true, predicted = _as_vectors(true, predicted)
    nonzero = true != 0
    return {
        **_binary_scores("has0", true >= 0, predicted >= 0),
        **_binary_scores("non0", true[nonzero] > 0, predicted[nonzero] > 0),
        "acc5": _accuracy(np.round(true.clip(-2, 2)), np.round(predicted.clip(-2, 2))),
        "acc7": _accuracy(np.round(true.clip(-3, 3)), np.round(predicted.clip(-3, 3))),
        **_error_and_correlation(true, predicted),
    }


def sims_scores(true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    """Score predictions of sentiment in [-1, 1] (CH-SIMS). Values outside this range are clipped.

    Parameters
    ----------
    true, predicted : array (n_samples,)

    Returns
    -------
    dict
        - ``acc2``, ``f1``: accuracy and F1 of positive versus non-positive;
        - ``acc3``: accuracy of three classes with borders at -0.1 and 0.1;
        - ``acc5``: accuracy of five classes with borders at -0.7, -0.1, 0.1 and 0.7;
        - ``mae``, ``corr``: as in `mosi_scores`.
    """
    true, predicted = (values.clip(-1, 1) for values in _as_vectors(true, predicted))
    binary = _binary_scores("", true > 0, predicted > 0)
    accuracies = {
        # a class includes its upper border
        name: _accuracy(*(np.searchsorted(borders, values) for values in (true, predicted)))
        for name, borders in (("acc3", [-0.1, 0.1]), ("acc5", [-0.7, -0.1, 0.1, 0.7]))
    }
    return {"acc2": binary["acc2_"], "f1": binary["f1_"], **accuracies, **_error_and_correlation(true, predicted)}


def _as_vectors(true: AnyArray, predicted: AnyArray) -> tuple[AnyArray, AnyArray]:
    true, predicted = (np.asarray(values, dtype=np.float64).ravel() for values in (true, predicted))
    check_row_count("predictions", len(predicted), len(true))
    return true, predicted


def _binary_scores(name: str, true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    if not len(true):
        return {f"acc2_{name}": None, f"f1_{name}": None}
    from sklearn.metrics import f1_score

    f1 = f1_score(true, predicted, average="weighted", zero_division=0)
    return {f"acc2_{name}": _accuracy(true, predicted), f"f1_{name}": float(f1)}


def _accuracy(true: AnyArray, predicted: AnyArray) -> float:
    return float(np.mean(true == predicted))


def _error_and_correlation(true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    both_vary = len(true) > 1 and true.std() > 0 and predicted.std() > 0
    corr = float(np.corrcoef(true, predicted)[0, 1]) if both_vary else None
    return {"mae": float(np.abs(true - predicted).mean()), "corr": corr}
