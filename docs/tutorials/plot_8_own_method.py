"""
Write your own method in 20 lines
=================================

Add a network that attends to the observed modalities, and compare it with built-in methods under every missing pattern.
"""

# %%
# A method in Python is a class. A subclass of ``NetworkMethod`` builds a network; training, early stopping,
# checkpoints, scores under missing patterns and ONNX export come from the library. ``settings.build_encoders`` gives
# one encoder per modality. They return the codes of all modalities, (samples, modalities, width), and
# ``batch.availability`` is True for observed modalities.

from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn

from redcore import MethodClassifier, ampute, load_dataset
from redcore.fitting import TrainableNetwork
from redcore.methods import CodeSettings, NetworkMethod
from redcore.nn import Batch
from redcore.plot import PatternScoresDisplay


class Outputs(NamedTuple):
    """Outputs of the network; the fields `logits` and `representation` are required."""

    logits: Tensor
    representation: Tensor


class AttentionNetwork(TrainableNetwork):
    """Weights of the modalities from their codes, over the observed modalities only."""

    def __init__(self, forms: Any, n_outputs: int, settings: Any) -> None:
        super().__init__()
        self.encoders = settings.build_encoders(forms)
        self.score = nn.Linear(settings.latent_dim, 1)
        self.head = nn.Linear(settings.latent_dim, n_outputs)

    def forward(self, batch: Batch) -> Outputs:
        """Return the logits of a batch."""
        codes, observed = self.encoders(batch), batch.availability[..., None]
        # finite values in place of minus infinity: a sample without any modality must not give NaN
        weights = torch.softmax(self.score(codes).masked_fill(~observed, -1e9), dim=1)
        pooled = (weights * codes.masked_fill(~observed, 0.0)).sum(dim=1)
        return Outputs(self.head(pooled), pooled)


class Attention(NetworkMethod):
    """Attention pooling of the codes of the observed modalities."""

    Settings = CodeSettings

    def build_network(self, forms: Any, n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network for data with these modalities."""
        return AttentionNetwork(forms, n_outputs, self.settings)


# %%
# The class works in place of a name: in estimators, in ``stacked`` around it, in benchmarks. On the command line and in
# specifications, give the dotted name of a class in a module of your own; see :doc:`../plug-ins`. There,
# ``redcore.testing.check_method(Attention)`` tests the contract of every method: values of missing modalities have no
# effect, the same seed gives the same result, a saved model predicts the same, and more.

rng = np.random.default_rng(0)
complete = load_dataset("digits").take(rng.permutation(1797)[:600])
rates = {"fourier": 0.2, "gradients": 0.5, "pixels": 0.8, "profiles": 0.5}
train = ampute(complete.take(np.arange(400)), "imbalanced", rates, rng)
test = complete.take(np.arange(400, 600))
model = MethodClassifier(Attention, random_state=0).fit(train)
print(f"accuracy with all modalities: {model.score(test):.3f}")

# %%
# Compare it with a network that replaces the codes of missing modalities by zeros.

baseline = MethodClassifier("zero_fill", random_state=0).fit(train)
display = PatternScoresDisplay.from_estimator(model, test, name="attention")
PatternScoresDisplay.from_estimator(baseline, test, name="zero_fill", ax=display.ax_)
plt.show()
