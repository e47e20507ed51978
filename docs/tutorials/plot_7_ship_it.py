"""
Ship it: one file that predicts elsewhere
=========================================

Save a model without pickle, load it again, and export it to ONNX for machines without PyTorch.
"""

# %%
# We fit a small model of two tables.

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime

from redcore import RedCoreClassifier, load_dataset, load_estimator, save_model
from redcore.export import export_onnx

data = load_dataset("breast_cancer")
rows = np.random.default_rng(0).permutation(data.n_samples)
train, test = data.take(rows[:400]), data.take(rows[400:])
model = RedCoreClassifier(preset="fast", random_state=0).fit(train)

# %%
# ``save_model`` writes one safetensors file: arrays, and JSON with settings, modalities, classes, versions and
# checksums. A modified file raises an error when it is loaded.

path = Path(tempfile.mkdtemp()) / "model.safetensors"
save_model(model.method_, path)
same = load_estimator(path)
print(f"{path.stat().st_size / 1024:.0f} KiB")
print(f"equal: {np.array_equal(same.predict_proba(test), model.predict_proba(test))}")

# %%
# ONNX Runtime needs neither redcore nor PyTorch. The file takes an availability mask beside the values, so that missing
# modalities work there, too. It is checked against PyTorch when it is written.

export_onnx(model.method_, path.with_suffix(".onnx"))
session = onnxruntime.InferenceSession(path.with_suffix(".onnx"), providers=["CPUExecutionProvider"])
names = json.loads(session.get_modelmeta().custom_metadata_map["redcore"])["modalities"]
inputs = {f"x_{one['name']}": test.modalities[one["name"]].values.astype(np.float32) for one in names}
outputs, *_ = session.run(None, {"availability": test.availability, **inputs})

# %%
# Both give the same probabilities. ``redcore serve RUN`` answers requests over HTTP; see :doc:`../serving`.

figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
axes.plot(model.predict_proba(test)[:, 1], outputs[:, 1], "o", markersize=3, color="#0072B2")
axes.set(xlabel="probability of PyTorch", ylabel="probability of ONNX Runtime")
print(f"largest difference: {np.abs(outputs - model.predict_proba(test)).max():.1e}")
plt.show()
