"""
The value of a modality
=======================

Measure the contribution of each modality to a score, find modalities that repeat one another, and look at the codes
that RedCore imputes.
"""

# %%
# Three modalities: ``scan`` and ``blood`` carry the same signal, ``gait`` carries another one. We know this because we
# simulate it.

import matplotlib.pyplot as plt
import numpy as np

from redcore import MethodClassifier, MultimodalData, RedCoreClassifier, Target, modality_value
from redcore.plot import LatentCodesDisplay, ModalityValueDisplay

rng = np.random.default_rng(0)
disease, mobility = rng.normal(size=(600, 2)), rng.normal(size=(600, 2))
outcome = np.where(disease.sum(axis=1) + mobility.sum(axis=1) + 0.3 * rng.normal(size=600) > 0, "worse", "stable")
arrays = {
    "blood": disease + 0.3 * rng.normal(size=(600, 2)),
    "gait": mobility + 0.3 * rng.normal(size=(600, 2)),
    "scan": np.hstack([disease, rng.normal(size=(600, 3))]) + 0.3 * rng.normal(size=(600, 5)),
}
availability = rng.random((600, 3)) < 0.8
availability[~availability.any(axis=1), 0] = True  # every sample has at least one modality
data = MultimodalData.from_arrays(arrays, Target.from_labels(outcome), availability=availability)
train, test = data.take(np.arange(400)), data.take(np.arange(400, 600))
model = RedCoreClassifier(preset="fast", random_state=0).fit(train)

# %%
# The Shapley value of a modality is its mean contribution to the score over all orders of adding modalities. The values
# add up to the difference between the score with all modalities and the score without any.

ModalityValueDisplay.from_estimator(model, test)
plt.show()

# %%
# The interaction of a pair is negative if the second modality adds less than it contributes alone. All pairs are
# negative here, since a score cannot exceed 1. ``blood`` and ``scan``, which repeat each other, are the most negative.

for pair, interaction in modality_value(model.method_, test).shapley.interactions.items():
    print(f"{' and '.join(pair):16} {interaction:+.3f}")

# %%
# The network of RedCore imputes the latent code of a missing modality from the observed ones. The code of ``scan`` can
# be imputed from ``blood``.

network = MethodClassifier("redcore", settings={"latent_dim": 16, "max_epochs": 40}, random_state=0).fit(train)
LatentCodesDisplay.from_estimator(network, test, "scan")
plt.show()

# %%
# Nothing predicts ``gait``, and its imputed codes stay near the mean. Imputation cannot add information: it makes the
# input of the head complete, and passes on what the observed modalities say about the missing one.

LatentCodesDisplay.from_estimator(network, test, "gait")
plt.show()
