"""Supervision weights proportional to the smoothed imputation losses."""

from redcore.balancing import BalancingRule


class LargestLoss(BalancingRule):
    """Weights proportional to the running loss plus a tenth of its mean, so that no modality gets a weight of 0."""

    def __init__(self, n_modalities, smoothing):
        super().__init__(n_modalities)
        self.smoothing = smoothing

    @classmethod
    def build(cls, n_modalities, settings):
        """Return a rule with the smoothing of the settings."""
        return cls(n_modalities, settings.smoothing)

    def update(self, signals):
        """Update the running losses and the weights, and return the weights."""
        self.smooth(signals, self.smoothing)
        self.set_weights(self.running_loss + 0.1 * self.running_loss.mean() + 1e-12)
        return self.supervision_weight
