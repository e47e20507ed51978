"""The best linear combination of what single modalities predict, for every missing pattern."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from redcore._types import AnyArray

__all__ = ["Combination"]

PRIOR_SAMPLES = 20.0
"""Samples that two modalities' independence given the target counts for, beside those that observe both."""

NOISE = 0.05
"""Share of its variance that is added to each prediction as noise, to keep weights small where two nearly agree."""

MAX_PATTERNS = 1024
"""Missing patterns that are worked on at once, to bound memory."""


@dataclass(frozen=True, eq=False)
class Combination:
    """Weights of predictions ``z_m`` of a number y by single modalities, from their moments (Bates and Granger 1969).

    With S the second moments of the predictions of the present modalities, and c those with the target,
    ``sum_m w_m z_m`` has the least squared error for ``w = S^-1 c``. A modality that tells nothing weighs nothing; two
    that tell the same weigh as one, and two that tell of different parts of y add up. All is centred on the mean of y,
    which is what is predicted without a modality.

    Attributes
    ----------
    second : array (n_outputs, n_modalities, n_modalities)
        S, with the noise on its diagonal.
    cross : array (n_outputs, n_modalities)
        c; at least 0.
    """

    second: AnyArray
    cross: AnyArray

    @classmethod
    def fit(cls, predictions: AnyArray, present: AnyArray, target: AnyArray, counts: AnyArray) -> "Combination":
        """Estimate the moments.

        Few samples may observe two modalities both: their second moment is pulled to ``c_i c_j``, which it is if they
        are independent given a target of variance 1.

        Parameters
        ----------
        predictions : array (n_samples, n_modalities, n_outputs)
            Of samples that the predictors have not seen.
        present : bool array (n_samples, n_modalities)
            Where there is a prediction.
        target : array (n_samples, n_outputs)
            Of mean 0 and variance 1.
        counts : array (n_samples,)
            How much each sample counts.
        """
        there = present.astype(np.float64)
        both = (there * counts[:, None]).T @ there
        seen = np.where(present[..., None], predictions, 0.0).transpose(2, 0, 1)
        alone = np.where(np.diag(both) > 0, np.diag(both), 1.0)
        cross = ((seen * (target.T * counts)[..., None]).sum(axis=1) / alone).clip(min=0.0)
        independent = cross[:, :, None] * cross[:, None, :]
        sums = (seen * counts[:, None]).transpose(0, 2, 1) @ seen
        second = (sums + PRIOR_SAMPLES * independent) / (both + PRIOR_SAMPLES)
        places = np.arange(len(both))
        variances = sums[:, places, places] / alone
        # of a prediction that says nothing, any variance will do
        second[:, places, places] = np.where(variances > 0, variances, 1.0)
        second = _positive(second)
        second[:, places, places] *= 1 + NOISE
        return cls(second, cross)

    def combine(self, predictions: AnyArray, present: AnyArray) -> AnyArray:
        """Return the combined predictions, (n_samples, n_outputs), of what `fit` describes; 0 without a modality."""
        patterns, pattern_of = np.unique(present, axis=0, return_inverse=True)
        weights = np.concatenate(
            [self._weights(patterns[start : start + MAX_PATTERNS]) for start in range(0, len(patterns), MAX_PATTERNS)]
        )
        return np.asarray(np.einsum("nmk,nkm->nk", predictions, weights[pattern_of]))

    def _weights(self, patterns: AnyArray) -> AnyArray:
        """Return w of every pattern, (n_patterns, n_outputs, n_modalities)."""
        pairs = patterns[:, :, None] & patterns[:, None, :]
        # a modality that is missing is cut off from the others, and weighs 0
        second = np.where(pairs[:, None], self.second, np.eye(patterns.shape[1]))
        return np.asarray(np.linalg.solve(second, (self.cross * patterns[:, None])[..., None])[..., 0])

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        return {"second": self.second, "cross": self.cross}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> "Combination":
        """Restore what `to_arrays` returned."""
        return cls(arrays["second"], arrays["cross"])


def _positive(matrices: AnyArray) -> AnyArray:
    """Return the nearest symmetric matrices without negative eigenvalues: pairwise moments need not fit each other."""
    values, vectors = np.linalg.eigh(matrices)
    return np.asarray((vectors * values.clip(min=0.0)[:, None]) @ vectors.transpose(0, 2, 1))
