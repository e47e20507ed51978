"""Attention-based fusion: self-attention over the latent codes of the modalities of a sample."""

import torch
from torch import Tensor, nn

__all__ = ["AttentionFusion", "TokenTransformer"]


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


class TokenTransformer(nn.Module):
    """Pre-norm Transformer over a class token and one token per observed modality.

    A learned embedding of the modality is added to each code. Attention masks leave out missing modalities, so that
    their codes have no effect.

    Parameters
    ----------
    n_modalities, width : int
    n_layers : int
    n_heads : int
        Must divide `width`.
    hidden_ratio : int
        Width of the hidden layer of a block, as a multiple of `width`.
    dropout : float
    """

    def __init__(
        self, n_modalities: int, width: int, n_layers: int, n_heads: int, hidden_ratio: int, dropout: float
    ) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(n_modalities, width) * 0.02)
        self.class_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, n_heads, hidden_ratio * width, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return the fused code of each sample, (n, width): the class token after the last block.

        Parameters
        ----------
        codes : tensor (n, n_modalities, width)
        kept : bool tensor (n, n_modalities)
            Availability mask; tokens with False are not attended to.
        """
        n = codes.shape[0]
        hidden = torch.cat([self.class_token.expand(n, -1, -1), codes + self.place], dim=1)
        # the class token is never masked, so that every sample has a token to attend to
        masked = torch.cat([kept.new_zeros((n, 1)), ~kept], dim=1)
        for block in self.blocks:
            hidden = block(hidden, src_key_padding_mask=masked)
        fused: Tensor = self.norm(hidden[:, 0])
        return fused
