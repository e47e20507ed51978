"""Predict with an exported ONNX model. The script requires onnxruntime and numpy, but not redcore.

redcore fit digits --out runs/first
redcore export runs/first --out model.onnx
python examples/predict_with_onnx.py model.onnx
"""

import json
import sys

import numpy as np
import onnxruntime


def main(path: str) -> None:
    """Predict two random samples: one with all modalities, and one in which the first modality is missing."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["redcore"])
    modalities = metadata["modalities"]
    availability = np.ones((2, len(modalities)), dtype=bool)
    availability[1, 0] = False
    inputs = {"availability": availability}
    rng = np.random.default_rng(0)
    for modality in modalities:
        name, n_features = modality["name"], modality["n_features"]
        shape = (2, 7, n_features) if modality["is_sequence"] else (2, n_features)
        inputs[f"x_{name}"] = rng.normal(size=shape).astype(np.float32)
        if modality["is_sequence"]:
            inputs[f"len_{name}"] = np.array([7, 4])
    # values of a missing modality are ignored, even NaN
    inputs[f"x_{modalities[0]['name']}"][1] = np.nan
    outputs, *labels = session.run(None, inputs)
    for row, values in enumerate(outputs):
        label = f"{metadata['classes'][labels[0][row]]}: " if labels else ""
        print(label + ", ".join(f"{value:.3f}" for value in values))


if __name__ == "__main__":
    main(sys.argv[1])
