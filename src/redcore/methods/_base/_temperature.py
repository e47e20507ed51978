"""Temperature of class and label probabilities."""

import torch
from torch import Tensor, nn

from redcore.data import TargetKind

__all__ = ["Temperature"]


class Temperature(nn.Module):
    """Divide the logits of probabilities by a temperature (Guo et al., 2017).

    Class probabilities become proportional to ``p ** (1 / temperature)``. The probability of a label becomes
    ``sigmoid(logit(p) / temperature)``.

    Parameters
    ----------
    temperature : float > 0
        1 changes nothing; values above 1 make predictions less certain.
    kind : TargetKind
        Not a regression.
    """

    def __init__(self, temperature: float, kind: TargetKind) -> None:
        super().__init__()
        self.temperature, self.is_multilabel = temperature, kind.is_multilabel

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return probabilities of the same shape, (n_samples, n_outputs)."""
        smallest = torch.finfo(probabilities.dtype).tiny
        logs = probabilities.clamp(min=smallest).log()
        if self.is_multilabel:
            logits = logs - (1 - probabilities).clamp(min=smallest).log()
            return (logits / self.temperature).sigmoid()
        return (logs / self.temperature).softmax(dim=1)
