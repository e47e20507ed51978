"""Temperature of class and label probabilities."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from redcore.data import TargetKind

__all__ = ["EachPart", "Temperature"]


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


class EachPart(nn.Module):
    """Modules of the predictions of several targets, each applied to its columns.

    Parameters
    ----------
    modules : sequence of nn.Module
    columns : sequence of slice
    """

    def __init__(self, modules: Sequence[nn.Module], columns: Sequence[slice]) -> None:
        super().__init__()
        self.of_parts, self.columns = nn.ModuleList(modules), list(columns)

    def forward(self, outputs: Tensor) -> Tensor:
        """Return predictions of the same shape, (n_samples, n_outputs)."""
        parts = [module(outputs[:, own]) for module, own in zip(self.of_parts, self.columns, strict=True)]
        return torch.cat(parts, dim=1)
