"""Imputation by a linear-Gaussian factor model of the latent codes of all modalities."""

import torch
from torch import Tensor, nn

from redcore.nn._operators import inverse, unique_patterns
from redcore.nn._tracing import is_traced

__all__ = ["FactorImputers"]

LOG_NOISE_LIMIT = 10.0
"""Bound on the log-variance of the noise, far beyond trained values, which keeps precisions finite."""


class FactorImputers(nn.Module):
    """Conditional distribution of the code of each modality in a factor model, in closed form.

    The codes of a sample are ``z_m = c_m + L_m s + e_m`` with shared factors ``s ~ N(0, I)`` and independent noise
    ``e_m ~ N(0, diag(psi_m))``. The parameters c, L and psi are trained by gradient descent. One set of parameters
    holds for all missing patterns, and their number is linear in the number of modalities. With the sums over the
    observed modalities k other than m,

    - the covariance of the factors is ``C = (I + sum_k L_k^T diag(psi_k)^-1 L_k)^-1``
    - the imputed code is ``g_m = c_m + L_m C sum_k L_k^T diag(psi_k)^-1 (z_k - c_k)``
    - its variance is ``v_m = diag(L_m C L_m^T) + psi_m``

    Without observed modalities, g_m is the mean c_m, and v_m the variance of the model.

    Parameters
    ----------
    n_modalities, latent_dim, n_factors : int
        Each at least 1.
    """

    others: Tensor
    identity: Tensor

    def __init__(self, n_modalities: int, latent_dim: int, n_factors: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(n_modalities, latent_dim))
        # half of the variance of a code is the noise of the modality at first
        self.loadings = nn.Parameter(torch.randn(n_modalities, latent_dim, n_factors) * (n_factors**-0.5 / 2))
        self.log_noise = nn.Parameter(torch.zeros(n_modalities, latent_dim))
        # (modality, 1, other modality)
        self.register_buffer("others", ~torch.eye(n_modalities, dtype=torch.bool)[:, None], persistent=False)
        self.register_buffer("identity", torch.eye(n_factors), persistent=False)

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return the imputed codes only; see `conditional`."""
        return self.conditional(codes, kept)[0]

    def conditional(self, codes: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the variance of each code given the other observed codes.

        In evaluation mode, only samples with a missing modality are imputed; all other entries are zero.

        Parameters
        ----------
        codes : tensor (n, n_modalities, latent_dim)
        kept : bool tensor (n, n_modalities)
            Availability mask. Codes with False do not affect the result.

        Returns
        -------
        mean, variance : tensor (n, n_modalities, latent_dim)
        """
        # matrices are not inverted in half precision
        with torch.autocast(codes.device.type, enabled=False):
            if self.training or is_traced():
                return self._conditional(codes.float(), kept)
            rows = torch.nonzero(~kept.all(dim=1))[:, 0]
            mean, variance = torch.zeros_like(codes), torch.zeros_like(codes)
            if len(rows):
                pair = self._conditional(codes[rows].float(), kept[rows])
                for result, imputed in zip((mean, variance), pair, strict=True):
                    result.index_copy_(0, rows, imputed.to(codes.dtype))
            return mean, variance

    def _conditional(self, codes: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        n, n_modalities, _ = codes.shape
        noise = self.log_noise.clamp(-LOG_NOISE_LIMIT, LOG_NOISE_LIMIT).exp()
        # (modality, sample, ...): one matrix product for all modalities
        centred = (codes - self.mean).masked_fill(~kept[..., None], 0.0).transpose(0, 1)
        weights = self.loadings / noise[..., None]
        scores = torch.bmm(centred, weights)
        observed = (kept & self.others).flatten(0, 1)
        covariances, pattern_of = self._covariances(observed, self.loadings.transpose(1, 2) @ weights)
        factors = torch.bmm(covariances[pattern_of], (scores.sum(dim=0) - scores).reshape(-1, scores.shape[2], 1))
        mean = torch.baddbmm(self.mean[:, None], factors.view_as(scores), self.loadings.transpose(1, 2))
        # diag(L C L^T) is linear in C: (modality, factor * factor, code)
        products = (self.loadings[..., None] * self.loadings[..., None, :]).flatten(2).transpose(1, 2)
        spread = torch.bmm(covariances.flatten(1)[pattern_of].view(n_modalities, n, products.shape[1]), products)
        return mean.transpose(0, 1), (spread + noise[:, None]).transpose(0, 1)

    def _covariances(self, observed: Tensor, precisions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the covariance of the factors for each missing pattern, and the pattern of each row of `observed`."""
        patterns, pattern_of = unique_patterns(observed)
        if pattern_of is None:
            pattern_of = torch.arange(observed.shape[0], device=observed.device)
        return inverse(self.identity + torch.einsum("pm,mij->pij", patterns.float(), precisions)), pattern_of
