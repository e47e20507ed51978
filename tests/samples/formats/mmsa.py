"""Pickles of the MMSA family."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

PARTS = ("train", "valid", "test")
MODALITIES = ("audio", "text", "vision")


def write_sample(folder: Path) -> Path:
    """Write ten unaligned samples, one of them without audio, and return the file."""
    return write_pickle(folder / "unaligned_50.pkl", {"audio": 5, "text": 8, "vision": 4})


def write_pickle(
    path: Path, n_features: dict[str, int], *, aligned: bool = False, largest: float = 3.0, unimodal: bool = False
) -> Path:
    """Write a small file in the form of the public ones: 5 training, 2 validation and 3 test samples.

    Parameters
    ----------
    path : Path
    n_features : dict of str to int
        Number of features of audio, text and vision.
    aligned : bool, default False
        If True, all modalities have the time steps of the text, and the file has no lengths.
    largest : float, default 3
        The sentiment is in [-largest, largest].
    unimodal : bool, default False
        If True, the file also has labels of single modalities, as in CH-SIMS.

    Returns
    -------
    Path
        `path`. The audio of the second training sample is missing: its length is 0, or its values are 0 in aligned
        files.
    """
    rng = np.random.default_rng(0)
    parts = {part: _sample_part(part, n, n_features, aligned, rng) for part, n in zip(PARTS, (5, 2, 3), strict=True)}
    for content in parts.values():
        content["regression_labels"] = (content["regression_labels"] * largest).round(1)
        if unimodal:
            content |= {f"regression_labels_{letter}": content["regression_labels"] for letter in "TAV"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(parts, protocol=4))
    return path


def _sample_part(part: str, n: int, n_features: dict[str, int], aligned: bool, rng: np.random.Generator) -> Any:
    steps = {"audio": 6, "text": 4, "vision": 5} if not aligned else dict.fromkeys(MODALITIES, 4)
    words = rng.integers(2, 5, n)
    lengths = {name: words if aligned or name == "text" else rng.integers(2, steps[name] + 1, n) for name in MODALITIES}
    content: dict[str, Any] = {}
    for name in MODALITIES:
        values = rng.standard_normal((n, steps[name], n_features[name])).astype(np.float32)
        values[np.arange(steps[name]) >= lengths[name][:, None]] = 0.0
        content[name] = values
    if part == "train":
        content["audio"][1] = 0.0
        lengths["audio"] = np.where(np.arange(n) == 1, 0, lengths["audio"])
    mask = (np.arange(4) < words[:, None]).astype(np.float32)
    scores = rng.uniform(-1, 1, n).astype(np.float32)
    content |= {
        "raw_text": np.array([f"words {row}" for row in range(n)]),
        "text_bert": np.stack([mask * 101, mask, 0 * mask], axis=1),
        "id": [f"{part}{row // 2}$_${row}" for row in range(n)],
        "annotations": np.where(scores < 0, "Negative", "Positive"),
        "regression_labels": scores,
        "classification_labels": (np.sign(scores) + 1).astype(np.float32),
    }
    if not aligned:
        content |= {f"{name}_lengths": lengths[name].tolist() for name in ("audio", "vision")}
    return content


def remove_labels(path: Path) -> None:
    """Remove all labels."""
    content = pickle.loads(path.read_bytes())
    labels = ("regression_labels", "classification_labels", "annotations")
    path.write_bytes(
        pickle.dumps({part: {k: v for k, v in of.items() if k not in labels} for part, of in content.items()})
    )
