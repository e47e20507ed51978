"""Missingness that depends on the label or target value (missing not at random)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import BoolArray, FloatArray
from redcore.data import Target, martingale_residuals, require_single_target
from redcore.exceptions import TargetError
from redcore.missing._demand import Demand
from redcore.missing._scores import draw_by_score, normal_scores

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MNAR"


class Options(Settings):
    """Options of the protocol.

    Attributes
    ----------
    strength : float in [-20, 20], default 2
        Change of the log-odds of missing per unit of score. The scores of classes are equally spaced from -1 for the
        first class to 1 for the last. For multi-label and regression targets, they are the normal scores of the sum of
        the outputs.
    """

    strength: Annotated[float, Field(ge=-20, le=20)] = 2.0


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove modality m from sample i with probability ``sigmoid(a_m + strength * score(y_i))``; counts are exact.

    Missingness depends on the label, which is unknown at prediction time: missing not at random.

    Raises
    ------
    TargetError
        If the data has no target.
    """
    target = demand.samples("label_dependent").target
    if target is None:
        raise TargetError("missing protocol 'label_dependent' needs labels, but the data has none")
    scores = np.repeat(label_scores(target)[:, None], len(demand.names), axis=1)
    return draw_by_score(demand, rng, scores, options.strength)


def label_scores(target: Target) -> FloatArray:
    """Return the score of each sample's target, float (n_samples,); see `Options`."""
    require_single_target(target.kind, "missing protocol 'label_dependent'")
    if target.is_classification:
        return 2.0 * target.values / max(target.n_outputs - 1, 1) - 1.0
    if target.kind.is_survival:
        return normal_scores(martingale_residuals(target.values))
    values = target.values.astype(np.float64)
    return normal_scores(values if values.ndim == 1 else values.sum(axis=1))
