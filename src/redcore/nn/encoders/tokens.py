"""Embedding of token ids, followed by a sequence encoder."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from redcore.nn.encoders import EncoderSpec, build_encoder

__all__ = ["INPUTS", "TokenEncoder", "build"]

INPUTS = ("token ids",)


class TokenEncoder(nn.Module):
    """Embedding of every token, with one row for unknown ids, and an encoder of the sequence of embeddings.

    The row of unknown ids is the mean of the others, since it is not trained.

    Parameters
    ----------
    n_tokens : int
        Number of known ids. Larger ids count as unknown.
    width : int
        Size of an embedding.
    encoder : nn.Module
        Encoder of sequences with `width` features.
    """

    def __init__(self, n_tokens: int, width: int, encoder: nn.Module) -> None:
        super().__init__()
        self.embedding, self.encoder = nn.Embedding(n_tokens, width), encoder

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode token ids (n, time) to (n, width)."""
        known = self.embedding.weight
        rows = torch.cat([known, known.mean(dim=0, keepdim=True)])
        output: Tensor = self.encoder(rows[values.clamp(0, known.shape[0])], lengths)
        return output


def build(n_features: int, n_steps: int, spec: EncoderSpec, encoder_of_sequences: str = "textcnn") -> nn.Module:
    """Build the encoder for one modality, with an encoder of the sequence of embeddings."""
    encoder = build_encoder(encoder_of_sequences, spec.width, n_steps, replace(spec, n_tokens=0))
    return TokenEncoder(spec.n_tokens, spec.width, encoder)
