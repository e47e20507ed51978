"""
First model
===========

Hide modalities of a bundled data set at different rates, fit the default method, and look at the score under every
missing pattern.
"""

# %%
# ``digits`` has four modalities: four descriptions of the same handwritten digit. They are complete, so that we can
# hide some of them and still know the truth. We take a third of the samples to keep the run short.

import matplotlib.pyplot as plt
import numpy as np

from redcore import MethodClassifier, RedCoreClassifier, ampute, load_dataset
from redcore.plot import MissingPatternsDisplay, PatternScoresDisplay

rng = np.random.default_rng(0)
complete = load_dataset("digits").take(rng.permutation(1797)[:600])
complete

# %%
# A missing protocol hides modalities at exact rates. ``fourier`` is missing in 20% of the samples, ``pixels`` in 80%.

rates = {"fourier": 0.2, "gradients": 0.5, "pixels": 0.8, "profiles": 0.5}
train = ampute(complete.take(np.arange(0, 400)), "imbalanced", rates, rng)
test = complete.take(np.arange(400, complete.n_samples))
MissingPatternsDisplay.from_data(train)
plt.show()

# %%
# The default method is a stack: networks of RedCore, linear models, and weights for their predictions. Missing
# modalities need no treatment by the user.

model = RedCoreClassifier(random_state=0).fit(train)
print(f"accuracy with all modalities: {model.score(test):.3f}")

# %%
# The same classifier predicts from any set of modalities. Here only ``profiles`` is observed.

one = test.hide(np.tile([name == "profiles" for name in test.names], (test.n_samples, 1)))
print(f"accuracy with profiles alone: {model.score(one):.3f}")

# %%
# Compare it with a simple baseline under every missing pattern: late fusion averages one linear model per modality. The
# bars are 95% intervals over the test samples.

baseline = MethodClassifier("late_fusion").fit(train)
display = PatternScoresDisplay.from_estimator(model, test, name="default")
PatternScoresDisplay.from_estimator(baseline, test, name="late fusion", ax=display.ax_)
plt.show()
