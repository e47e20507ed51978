"""
The paper's method and its relative advantage
=============================================

Train RedCore as published, with the preset ``aaai2024``, and follow the supervision weights of the modalities.
"""

# %%
# The preset reproduces the architecture, the losses and the update rules of the released code. Its sizes are those for
# IEMOCAP, so that we make the network smaller and train it for a few epochs only.

import matplotlib.pyplot as plt
import numpy as np

from redcore import RedCoreClassifier, ampute, load_dataset
from redcore.plot import SupervisionDisplay

rng = np.random.default_rng(0)
complete = load_dataset("digits").take(rng.permutation(1797)[:600])
rates = {"fourier": 0.2, "gradients": 0.5, "pixels": 0.8, "profiles": 0.5}
train = ampute(complete, "imbalanced", rates, rng)
small = {"latent_dim": 32, "encoder_layers": 1, "imputer_blocks": 2, "imputer_layers": [64, 32], "max_epochs": 12}
model = RedCoreClassifier(preset="aaai2024", settings=small, random_state=0).fit(train)

# %%
# Every modality starts with the same supervision weight. The rule moves weight towards modalities whose imputation loss
# is above the mean of the others, under a fixed L2 norm.

SupervisionDisplay.from_estimator(model)
plt.show()

# %%
# Compare the final weights with the missing rates. :doc:`../results/advantage` has the protocol of a study over many
# data sets, and explains why the two need not agree: the imputation loss is in units of a free code, and it stays high
# for a modality that the others do not predict.

for name in train.names:
    weight, advantage = model.supervision_weights_[name], model.relative_advantage_[name]
    print(f"{name:10} missing rate {rates[name]:.1f}, weight {weight:.2f}, relative advantage {advantage:+.2f}")
