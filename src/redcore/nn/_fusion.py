"""Attention-based fusion: self-attention over the latent codes of all modalities of a sample."""

import torch
from torch import Tensor, nn

__all__ = ["AttentionFusion"]


class AttentionFusion(nn.Module):
    """Learned modality embeddings added to the latent codes, then one pre-norm Transformer block over modalities.

    Parameters
    ----------
    n_modalities, width : int
    n_heads : int
        Must divide `width`.
    dropout : float
    """

    def __init__(self, n_modalities: int, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(n_modalities, width))
        self.block = nn.TransformerEncoderLayer(width, n_heads, 2 * width, dropout, batch_first=True, norm_first=True)
        # initialised as the identity: with a random initialisation it overfits before the encoders are trained
        nn.init.zeros_(self.block.self_attn.out_proj.weight)
        nn.init.zeros_(self.block.linear2.weight)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the codes (n, n_modalities, width), each updated with information of the other modalities."""
        fused: Tensor = self.block(codes + self.place)
        return fused
