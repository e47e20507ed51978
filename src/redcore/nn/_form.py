"""Form of the samples of one modality."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["ModalityForm"]


class ModalityForm(NamedTuple):
    """Name and form of the samples of one modality, as the networks read them.

    Attributes
    ----------
    name : str
    n_features : int
        Number of features of a vector or of a time step. For an image, the number of its pixels in all channels.
    n_steps : int
        Median number of time steps of the training samples; 0 for vectors and images.
    shape : tuple (channels, height, width) or None, default None
        Shape of an image; None for other modalities.
    n_tokens : int, default 0
        For sequences of token ids, the number of known ids; 0 for other modalities. The id `n_tokens` stands for all
        ids that are unknown from training.
    """

    name: str
    n_features: int
    n_steps: int
    shape: tuple[int, ...] | None = None
    n_tokens: int = 0

    def zeros(self, device: torch.device | None = None, n_samples: int = 1) -> tuple[Tensor, Tensor | None]:
        """Return samples of zeros as the input of an encoder: values, and lengths of sequences (one step)."""
        length = torch.ones(n_samples, dtype=torch.long, device=device) if self.n_steps else None
        if self.n_tokens:
            return torch.zeros((n_samples, 1), dtype=torch.long, device=device), length
        size = self.shape or ((1, self.n_features) if self.n_steps else (self.n_features,))
        return torch.zeros((n_samples, *size), device=device), length
