"""Write the sample model files of the current schema version; see README.md."""

import sys
from pathlib import Path

import numpy as np

from redcore import make_method, save_model
from redcore.data import MultimodalData, Target

SETTINGS = {
    "late_fusion": {},
    "zero_fill": {"latent_dim": 4, "encoder_heads": 2, "max_epochs": 2},
    "stacked": {"latent_dim": 4, "encoder_heads": 2, "imputer_layers": (3,), "max_epochs": 2, "n_members": 2},
}


def make_data(n_samples: int = 30) -> MultimodalData:
    """Return vectors and sequences with missing modalities, computed without random numbers for reproducibility."""
    grid = np.arange(n_samples)
    clip = np.sin(grid[:, None, None] * 0.7 + np.arange(4)[:, None] + np.arange(2))
    observed = np.stack([grid % 4 > 0, grid % 5 > 0], axis=1)
    return MultimodalData.from_arrays(
        {"audio": np.cos(grid[:, None] * [0.3, 0.5, 1.1]) + (grid % 3)[:, None], "clip": clip},
        Target.from_labels(np.array(["no", "so", "yes"])[grid % 3]),
        availability=observed | ~observed.any(axis=1, keepdims=True),
        lengths={"clip": 1 + grid % 4},
    )


def main(folder: Path) -> None:
    """Save one model per method and the predictions of all of them."""
    data, predictions = make_data(), {}
    for name, settings in SETTINGS.items():
        model = make_method(name, settings=settings).fit(data, seed=0)
        save_model(model, folder / name)
        predictions[name] = model.predict(data)
    if "--single" in sys.argv:
        save_model(model, folder / "single.safetensors", record={"data": "sample"})
    np.savez(folder / "predictions.npz", **predictions)


if __name__ == "__main__":
    main(Path(__file__).parent / sys.argv[1])
