"""Missingness that depends on a score of the samples: what the MAR and MNAR protocols share."""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from redcore._types import AnyArray, BoolArray, FloatArray
from redcore.data import Modality, moments
from redcore.missing._demand import Demand
from redcore.missing._exact import draw_exact

__all__ = ["draw_by_score", "energy", "normal_scores"]

SAMPLES_AT_ONCE = 4096


def draw_by_score(demand: Demand, rng: np.random.Generator, scores: AnyArray, strength: float) -> BoolArray:
    """Draw an availability with exact counts in which missing becomes likelier with the score.

    With ``scores`` (n_samples, n_modalities) s and `strength` b, modality m of sample i is missing with probability
    ``sigmoid(a_m + b s_im)``, where a_m is what meets the missing rate: the samples with the largest ``b s + e``
    are missing, e being logistic noise.
    """
    return draw_exact(demand, rng, strength * scores + rng.logistic(size=scores.shape))


def normal_scores(values: AnyArray) -> FloatArray:
    """Return the standard normal quantiles of the ranks of `values`, 0 where NaN; ties share theirs."""
    scores = np.zeros(len(values))
    known = np.flatnonzero(~np.isnan(values))
    scores[known] = ndtri((rankdata(values[known]) - 0.5) / max(len(known), 1))
    return scores


def energy(modality: Modality) -> FloatArray:
    """Return the mean square of each sample's standardised features, (n_samples,); NaN where it is missing.

    Over all time steps of a sequence.
    """
    result = np.full(modality.n_samples, np.nan)
    if not modality.n_observed:
        return result
    mean, scale = moments(modality.chunks(), modality.n_features)
    for start in range(0, modality.n_samples, SAMPLES_AT_ONCE):
        indices = np.arange(start, min(start + SAMPLES_AT_ONCE, modality.n_samples))
        part = modality.gather(indices)
        squares = (((part.values - mean) / scale) ** 2).mean(axis=-1)
        if part.lengths is not None:
            inside = np.arange(squares.shape[1]) < part.lengths[:, None]
            squares = (squares * inside).sum(axis=1) / part.lengths
        result[indices[part.rows]] = squares
    return result
