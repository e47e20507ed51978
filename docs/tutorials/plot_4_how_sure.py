"""
How sure is a prediction?
=========================

Calibrate a model on samples that it did not see, and get prediction sets that hold under every missing pattern.
"""

# %%
# A model that has to predict from one modality should be less sure than with four. Probabilities express this, if they
# are calibrated.

import matplotlib.pyplot as plt
import numpy as np

from redcore import RedCoreClassifier, ampute, load_dataset
from redcore.plot import CalibrationDisplay

rng = np.random.default_rng(0)
complete = load_dataset("digits").take(rng.permutation(1797))  # the file is ordered by writer
data = ampute(complete, "shared", dict.fromkeys(complete.names, 0.5), rng)
train, held_out, test = (data.take(rows) for rows in np.split(np.arange(1797), [700, 1250]))
model = RedCoreClassifier(preset="fast", random_state=0).fit(train)
CalibrationDisplay.from_estimator(model, complete.take(np.arange(1250, 1797)))
plt.show()

# %%
# Conformal prediction turns probabilities into sets that contain the true class with a chosen probability, for each
# missing pattern separately. It needs samples that were not used in training.

model.calibrate(held_out)
sets = model.predict_set(test, coverage=0.9)
truth = test.target.values
print(
    f"coverage: {sets[np.arange(test.n_samples), truth].mean():.3f}, mean size: {sets.sum(axis=1).mean():.2f} classes"
)

# %%
# The sets grow as modalities disappear: this is where the model admits that it knows less.

n_observed = test.availability.sum(axis=1)
sizes = [sets[n_observed == count].sum(axis=1).mean() for count in (1, 2, 3, 4)]
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.bar(["1", "2", "3", "4"], sizes, color="#0072B2")
axes.set_xlabel("observed modalities")
axes.set_ylabel("mean number of classes in the set")
plt.show()
