"""Decision rules that map probabilities to classes."""

from torch import Tensor, nn

__all__ = ["AtThreshold", "MostProbable"]


class AtThreshold(nn.Module):
    """The rare class of a binary target if its probability reaches a threshold, else the other class."""

    def __init__(self, rare: int, threshold: float) -> None:
        super().__init__()
        self.rare, self.threshold = rare, threshold

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return class codes, int64 (n_samples,), of probabilities (n_samples, 2)."""
        is_rare = probabilities[:, self.rare] >= self.threshold
        return is_rare.long() if self.rare else (~is_rare).long()


class MostProbable(nn.Module):
    """The class with the largest probability."""

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return class codes, int64 (n_samples,), of probabilities (n_samples, n_classes)."""
        return probabilities.argmax(dim=1)
