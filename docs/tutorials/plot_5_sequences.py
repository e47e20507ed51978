"""
Sequences and sensors
=====================

Fit data with sequences of different lengths, with one modality that is a vector, and see what each sensor adds.
"""

# %%
# A sequence modality is a list with one array (steps, features) per sample. Lengths and sampling rates can differ, and
# ``None`` is a missing recording. We simulate a watch: a pulse with 25 steps per second and a skin temperature with one
# step per second. The class changes the pulse frequency and the slope of the temperature.

import matplotlib.pyplot as plt
import numpy as np

from redcore import MethodClassifier, MultimodalData, Target
from redcore.plot import PatternScoresDisplay

rng = np.random.default_rng(0)
classes = rng.choice(["calm", "stress"], 240)


def pulse(label):
    """Return a noisy oscillation of 40 to 80 steps."""
    steps = np.arange(rng.integers(40, 80)) / 25
    frequency = rng.normal(1.2 if label == "calm" else 1.5, 0.15)
    return (np.sin(2 * np.pi * frequency * steps) + 0.4 * rng.normal(size=len(steps)))[:, None]


def temperature(label):
    """Return a drifting temperature of 8 to 16 steps."""
    steps = np.arange(rng.integers(8, 16))
    return (33 + rng.normal(0.02 if label == "calm" else -0.02, 0.03) * steps + 0.1 * rng.normal(size=len(steps)))[
        :, None
    ]


recordings: dict[str, list] = {
    "pulse": [pulse(label) if rng.random() < 0.8 else None for label in classes],
    "temperature": [temperature(label) if rng.random() < 0.5 else None for label in classes],
    "age": [rng.normal(40 if label == "calm" else 44, 8, 1) for label in classes],
}
data = MultimodalData.from_arrays(recordings, Target.from_labels(classes))
data

# %%
# Two recordings of each class:

figure, axes = plt.subplots(1, 2, figsize=(7, 2.5), layout="constrained")
for axis, name in zip(axes, ("pulse", "temperature"), strict=True):
    for colour, label in (("#0072B2", "calm"), ("#D55E00", "stress")):
        of_class = [x for x, y in zip(recordings[name], classes, strict=True) if y == label and x is not None]
        for index, sequence in enumerate(of_class[:2]):
            axis.plot(sequence, color=colour, label=label if index == 0 else None)
    axis.set(title=name, xlabel="step")
axes[0].legend(frameon=False)
plt.show()

# %%
# Network methods encode sequences step by step; ``stack`` uses fixed summaries and linear models, and needs a second.

train, test = data.take(np.arange(160)), data.take(np.arange(160, 240))
network = MethodClassifier("redcore", random_state=0).fit(train)
linear = MethodClassifier("stack", random_state=0).fit(train)
display = PatternScoresDisplay.from_estimator(network, test, name="redcore")
PatternScoresDisplay.from_estimator(linear, test, name="stack", ax=display.ax_)
plt.show()
