"""The best linear combination of the predictions of single modalities, for every missing pattern."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.nn import solve_positive, unique_patterns

__all__ = ["Combination"]

PRIOR_SAMPLES = 20.0
"""Weight, in samples, of the prior that two modalities are independent given the target."""

NOISE = 0.05
"""Share of its variance added to each prediction as noise. It keeps the weights of nearly equal predictions small."""


class Combination(nn.Module):
    """Weights for predictions ``z_m`` of a number y by single modalities (Bates and Granger 1969).

    Let S be the second moments of the predictions of the observed modalities, and c their moments with the target.
    Then ``sum_m w_m z_m`` has the smallest squared error for ``w = S^-1 c``. An uninformative modality has weight 0,
    two identical modalities share the weight of one, and modalities that predict different parts of y add up.
    Predictions are centred on the mean of y, so that the combination is 0 for a sample without a modality.

    Parameters
    ----------
    second : array (n_outputs, n_modalities, n_modalities)
        S, with the noise on its diagonal.
    cross : array (n_outputs, n_modalities)
        c; at least 0.
    """

    second: Tensor
    cross: Tensor

    def __init__(self, second: AnyArray, cross: AnyArray) -> None:
        super().__init__()
        self.register_buffer("second", torch.tensor(second))
        self.register_buffer("cross", torch.tensor(cross))

    @classmethod
    def fit(cls, predictions: AnyArray, present: AnyArray, target: AnyArray, counts: AnyArray) -> "Combination":
        """Estimate the moments.

        Few samples may observe both of two modalities. Their second moment is therefore shrunk towards ``c_i c_j``,
        its value if they are independent given a target of variance 1.

        Parameters
        ----------
        predictions : array (n_samples, n_modalities, n_outputs)
            Predictions of samples that were not used to fit the predictors.
        present : bool array (n_samples, n_modalities)
            True where there is a prediction.
        target : array (n_samples, n_outputs)
            With mean 0 and variance 1.
        counts : array (n_samples,)
            Weight of each sample.
        """
        observed = present.astype(np.float64)
        both = (observed * counts[:, None]).T @ observed
        filled = np.where(present[..., None], predictions, 0.0).transpose(2, 0, 1)
        alone = np.where(np.diag(both) > 0, np.diag(both), 1.0)
        cross = ((filled * (target.T * counts)[..., None]).sum(axis=1) / alone).clip(min=0.0)
        independent = cross[:, :, None] * cross[:, None, :]
        sums = (filled * counts[:, None]).transpose(0, 2, 1) @ filled
        second = (sums + PRIOR_SAMPLES * independent) / (both + PRIOR_SAMPLES)
        diagonal = np.arange(len(both))
        variances = sums[:, diagonal, diagonal] / alone
        # a constant prediction has weight 0 for any variance
        second[:, diagonal, diagonal] = np.where(variances > 0, variances, 1.0)
        second = _positive(second)
        second[:, diagonal, diagonal] *= 1 + NOISE
        return cls(second, cross)

    def forward(self, predictions: Tensor, present: Tensor) -> Tensor:
        """Combine the predictions of a batch.

        Parameters
        ----------
        predictions : tensor (n_samples, n_modalities, n_outputs)
            Zeros where there is no prediction.
        present : bool tensor (n_samples, n_modalities)

        Returns
        -------
        tensor (n_samples, n_outputs)
        """
        patterns, pattern_of = unique_patterns(present)
        weights = self._weights(patterns)
        if pattern_of is not None:
            weights = weights[pattern_of]
        return (predictions.transpose(1, 2) * weights).sum(dim=2)

    def _weights(self, patterns: Tensor) -> Tensor:
        """Return w for every pattern, (n_patterns, n_outputs, n_modalities)."""
        pairs = patterns[:, :, None] & patterns[:, None, :]
        # a missing modality is decoupled from the others, and its weight is 0
        unit = torch.eye(self.second.shape[-1], dtype=torch.float64)
        second = torch.where(pairs[:, None], self.second, unit)
        return solve_positive(second, (self.cross * patterns[:, None])[..., None]).squeeze(3)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        return {"second": self.second.numpy(), "cross": self.cross.numpy()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> "Combination":
        """Restore a combination from the result of `to_arrays`."""
        return cls(arrays["second"], arrays["cross"])


def _positive(matrices: AnyArray) -> AnyArray:
    """Return the nearest positive semi-definite matrices: moments estimated pair by pair may be inconsistent."""
    values, vectors = np.linalg.eigh(matrices)
    return np.asarray((vectors * values.clip(min=0.0)[:, None]) @ vectors.transpose(0, 2, 1))
