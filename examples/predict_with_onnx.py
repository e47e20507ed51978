"""Predict with an exported model; needs onnxruntime and numpy, not redcore.

redcore fit digits --out runs/first
redcore export runs/first --out model.onnx
python examples/predict_with_onnx.py model.onnx
"""

import json
import sys

import numpy as np
import onnxruntime


def main(path: str) -> None:
    """Predict two samples: one that observes everything, one that lacks the first modality."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["redcore"])
    modalities = about["modalities"]
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
    # what is missing is not read, whatever it is
    inputs[f"x_{modalities[0]['name']}"][1] = np.nan
    outputs, *labels = session.run(None, inputs)
    for row, numbers in enumerate(outputs):
        named = f"{about['classes'][labels[0][row]]}: " if labels else ""
        print(named + ", ".join(f"{number:.3f}" for number in numbers))


if __name__ == "__main__":
    main(sys.argv[1])
