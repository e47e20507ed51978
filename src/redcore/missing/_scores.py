"""Missingness that depends on a score of each sample, shared by the MAR and MNAR protocols."""

import numpy as np

from redcore._types import AnyArray, BoolArray, FloatArray
from redcore.data import Modality, average_ranks, moments
from redcore.missing._demand import Demand
from redcore.missing._exact import draw_exact

__all__ = ["draw_by_score", "energy", "normal_scores"]

SAMPLES_AT_ONCE = 4096


def draw_by_score(demand: Demand, rng: np.random.Generator, scores: AnyArray, strength: float) -> BoolArray:
    """Draw an availability mask with exact counts in which the probability of missing grows with the score.

    Modality m of sample i is missing with probability ``sigmoid(a_m + strength * scores[i, m])``. The intercept a_m
    follows from the missing rate: the modality is removed from the samples with the largest ``strength * score + e``,
    where e is logistic noise.

    Parameters
    ----------
    demand : Demand
    rng : numpy.random.Generator
    scores : array (n_samples, n_modalities)
    strength : float
        Change of the log-odds of missing per unit of score.

    Returns
    -------
    bool array (n_samples, n_modalities)
        True = observed.
    """
    return draw_exact(demand, rng, strength * scores + rng.logistic(size=scores.shape))


def normal_scores(values: AnyArray) -> FloatArray:
    """Return the standard normal quantiles of the ranks of `values`, float (n,).

    NaN has score 0. Equal values have equal scores.
    """
    from scipy.special import ndtri

    scores = np.zeros(len(values))
    known = np.flatnonzero(~np.isnan(values))
    scores[known] = ndtri((average_ranks(values[known]) - 0.5) / max(len(known), 1))
    return scores


def energy(modality: Modality) -> FloatArray:
    """Return the mean square of each sample's standardised features, float (n_samples,).

    For sequences, the mean also runs over all time steps. The energy of token ids is their number. Samples without the
    modality are NaN.
    """
    energies = np.full(modality.n_samples, np.nan)
    if not modality.n_observed:
        return energies
    if modality.padding is not None:
        assert modality.lengths is not None
        energies[modality.availability] = modality.lengths
        return energies
    mean, scale = moments(modality.chunks(), modality.n_features, modality.has_missing_cells)
    for start in range(0, modality.n_samples, SAMPLES_AT_ONCE):
        indices = np.arange(start, min(start + SAMPLES_AT_ONCE, modality.n_samples))
        observed = modality.gather(indices)
        values = observed.values if modality.shape is None else observed.values.reshape(len(observed.rows), -1)
        deviations = (values - mean) / scale
        # a missing cell counts as the mean
        squares = (np.nan_to_num(deviations, nan=0.0) ** 2).mean(axis=-1)
        if observed.lengths is not None:
            inside = np.arange(squares.shape[1]) < observed.lengths[:, None]
            squares = (squares * inside).sum(axis=1) / observed.lengths
        energies[indices[observed.rows]] = squares
    return energies
