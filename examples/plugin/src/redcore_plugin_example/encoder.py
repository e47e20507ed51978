"""Attention-weighted mean over time."""

import torch
from torch import nn


class AttentionPooling(nn.Module):
    """Weighted mean of the time steps with learned weights, and one linear layer; vectors count as one step."""

    def __init__(self, n_features, n_steps, spec):
        super().__init__()
        self.score, self.project = nn.Linear(n_features, 1), nn.Linear(n_features, spec.width)

    def forward(self, values, lengths=None):
        """Encode (n, n_features), or (n, time, n_features) with lengths (n,), to (n, width)."""
        if lengths is None:
            values, lengths = values[:, None], torch.ones(len(values), dtype=torch.long, device=values.device)
        is_padding = torch.arange(values.shape[1], device=values.device) >= lengths[:, None]
        weights = self.score(values).squeeze(2).masked_fill(is_padding, -torch.inf).softmax(dim=1)
        return self.project((weights[..., None] * values).sum(dim=1)).tanh()
