"""Scores of sentiment as a number, as the literature on CMU-MOSI, CMU-MOSEI and CH-SIMS reports them."""

import numpy as np
from sklearn.metrics import f1_score

from redcore._types import AnyArray
from redcore._validation import check_row_count

__all__ = ["mosi_scores", "sims_scores"]


def mosi_scores(true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    """Score sentiment in [-3, 3].

    Parameters
    ----------
    true, predicted : array (n_samples,)

    Returns
    -------
    dict
        ``acc2_has0`` and ``f1_has0`` (negative or not), ``acc2_non0`` and ``f1_non0`` (sign, without neutral samples;
        None if there are no others), ``acc5`` and ``acc7`` (rounded, within +-2 and +-3), ``mae``, ``corr`` (Pearson;
        None if either side is constant). F1 is weighted by class frequency.
    """
    true, predicted = _pair(true, predicted)
    clear = true != 0
    return {
        **_two("has0", true >= 0, predicted >= 0),
        **_two("non0", true[clear] > 0, predicted[clear] > 0),
        "acc5": _equal(np.round(true.clip(-2, 2)), np.round(predicted.clip(-2, 2))),
        "acc7": _equal(np.round(true.clip(-3, 3)), np.round(predicted.clip(-3, 3))),
        **_distance(true, predicted),
    }


def sims_scores(true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    """Score sentiment in [-1, 1].

    Parameters
    ----------
    true, predicted : array (n_samples,)

    Returns
    -------
    dict
        ``acc2`` and ``f1`` (positive or not), ``acc3`` (borders at -0.1 and 0.1), ``acc5`` (at -0.7, -0.1, 0.1, 0.7),
        ``mae`` and ``corr`` as in `mosi_scores`.
    """
    true, predicted = (values.clip(-1, 1) for values in _pair(true, predicted))
    both = _two("", true > 0, predicted > 0)
    accuracies = {
        # the upper border belongs to the class below it
        name: _equal(*(np.searchsorted(borders, values) for values in (true, predicted)))
        for name, borders in (("acc3", [-0.1, 0.1]), ("acc5", [-0.7, -0.1, 0.1, 0.7]))
    }
    return {"acc2": both["acc2_"], "f1": both["f1_"], **accuracies, **_distance(true, predicted)}


def _pair(true: AnyArray, predicted: AnyArray) -> tuple[AnyArray, AnyArray]:
    true, predicted = (np.asarray(values, dtype=np.float64).ravel() for values in (true, predicted))
    check_row_count("predictions", len(predicted), len(true))
    return true, predicted


def _two(name: str, true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    if not len(true):
        return {f"acc2_{name}": None, f"f1_{name}": None}
    f1 = f1_score(true, predicted, average="weighted", zero_division=0)
    return {f"acc2_{name}": _equal(true, predicted), f"f1_{name}": float(f1)}


def _equal(true: AnyArray, predicted: AnyArray) -> float:
    return float(np.mean(true == predicted))


def _distance(true: AnyArray, predicted: AnyArray) -> dict[str, float | None]:
    varied = len(true) > 1 and true.std() > 0 and predicted.std() > 0
    corr = float(np.corrcoef(true, predicted)[0, 1]) if varied else None
    return {"mae": float(np.abs(true - predicted).mean()), "corr": corr}
