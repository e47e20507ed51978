"""
Your own cohort with missing modalities
=======================================

Join tables by patient id, find out what is missing, and fit a model without preprocessing by hand.
"""

# %%
# A cohort comes as one table per kind of test, and not every patient has every test. We write two small tables as a
# hospital would export them: ids are text, cells are empty, and a column has categories.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from redcore import MultimodalData, RedCoreClassifier
from redcore.plot import MissingPatternsDisplay, ModalityValueDisplay

rng = np.random.default_rng(0)
ids = [f"{number:04d}" for number in range(1, 301)]
outcome = rng.random(300) < 0.4
blood = pd.DataFrame({"id": ids, "crp": rng.normal(5 + 1.5 * outcome), "sodium": rng.normal(140, 3, 300)})
blood.loc[::17, "sodium"] = np.nan
scan = pd.DataFrame({"id": ids, "size": rng.normal(20 + 1.5 * outcome), "side": rng.choice(["left", "right"], 300)})
folder = Path(tempfile.mkdtemp())
blood.sample(frac=0.8, random_state=0).to_csv(folder / "blood.csv", index=False)
scan.sample(frac=0.4, random_state=1).to_csv(folder / "scan.csv", index=False)
labels = pd.DataFrame({"id": ids, "outcome": np.where(outcome, "relapse", "none")})
labels.to_csv(folder / "labels.csv", index=False)
print((folder / "blood.csv").read_text()[:80])

# %%
# ``join`` matches the tables by id. A patient who is absent from a table lacks this modality. Ids stay text, so that
# ``0042`` does not become 42.

data = MultimodalData.join(
    {"blood": folder / "blood.csv", "scan": folder / "scan.csv"}, "id", target=f"{folder / 'labels.csv'}:outcome"
)
MissingPatternsDisplay.from_data(data)
plt.show()

# %%
# On the command line, the same steps are ``redcore join``, ``redcore inspect`` and ``redcore fit``; see
# :doc:`../clinical`. In Python, the estimator takes the joined data. Empty cells and categories are encoded on the
# training samples.

train, test = data.take(np.arange(200)), data.take(np.arange(200, data.n_samples))
model = RedCoreClassifier(preset="fast", random_state=0).fit(train)
print(f"accuracy on {test.n_samples} patients as observed: {model.score(test):.3f}")

# %%
# The Shapley value of a modality is its mean contribution to the score over all orders of adding modalities.

ModalityValueDisplay.from_estimator(model, test)
plt.show()
