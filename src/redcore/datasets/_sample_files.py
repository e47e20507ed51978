"""Writers of small files with random features in the exact form of public data sets."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from redcore.datasets import dataset

__all__ = ["SAMPLES", "write_pickle", "write_public_sample", "write_tree"]

TREE_PARTS = ("trn", "val", "tst")
FOLDERS = {"audio": "A", "text": "L", "video": "V"}
FILES = {"text": "bert_large", "video": "denseface"}
PICKLE_PARTS = ("train", "valid", "test")
MODALITIES = ("audio", "text", "vision")

SAMPLES = ("cmu_mosei", "iemocap", "msp_improv")
"""Public data sets of which `write_public_sample` writes a sample."""


def write_public_sample(name: str, root: Path) -> None:
    """Write a sample of one of the data sets `SAMPLES` into a folder that `load` of the data set reads.

    The features and labels are random: a sample tests programs, and scores on it have no meaning. Samples with folds
    have two of them.
    """
    module = dataset(name)
    features = module.N_FEATURES
    if name == "cmu_mosei":
        write_pickle(root / "unaligned_50.pkl", features, sizes=(40, 12, 24))
        return
    classes = len(module.CLASSES)
    if name == "iemocap":
        names = [f"Ses0{1 + row % 5}{'FM'[row % 2]}_impro01_{'MF'[row % 2]}{row:03d}" for row in range(64)]
        options: dict[str, Any] = {}
    else:
        names = [f"MSP-IMPROV-S01A-{'FM'[row % 2]}0{1 + row % 6}-S-FM{row:02d}" for row in range(64)]
        options = {"audio": "comparE_raw", "one_hot": False}
    labels = {one: row % classes for row, one in enumerate(names)}
    write_tree(root, labels, classes, n_features=features, n_held_out=12, **options)


def write_tree(
    root: Path,
    labels: Mapping[str, int],
    n_classes: int,
    *,
    n_features: Mapping[str, int],
    audio: str = "comparE",
    one_hot: bool = True,
    n_held_out: int = 1,
) -> Path:
    """Write random features in exactly this form, with two folds.

    Parameters
    ----------
    root : Path
        Folder to write to; created if necessary.
    labels : mapping of str to int
        Class number of each utterance id, for more than twice `n_held_out` utterances. The second has no text, the
        third no time step of video.
    n_classes : int
    n_features : mapping of str to int
        Number of features of audio, text and video.
    audio : str, default "comparE"
        Name of the audio file. With "comparE" its mean and std of each fold are written too.
    one_hot : bool, default True
        If True, labels and ids have the form of IEMOCAP: one-hot rows, and rows of one bytes string. If False, they
        have the form of MSP-IMPROV: numbers and text.

    n_held_out : int, default 1
        Number of utterances of the validation and of the test split. The two folds swap them.

    Returns
    -------
    Path
        `root`.
    """
    import h5py

    rng = np.random.default_rng(0)
    names = list(labels)
    absent = {"text": (names[1], None), "video": (names[2], 0)}
    for modality, folder in FOLDERS.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        lengths: dict[str, int | None] = {name: int(rng.integers(1, 6)) for name in names}
        lengths.update([absent[modality]] if modality in absent else [])
        stem = audio if modality == "audio" else FILES[modality]
        with h5py.File(root / folder / f"{stem}.h5", "w") as file:
            for name, length in lengths.items():
                if length is not None:
                    file[name] = rng.normal(size=(length, n_features[modality])).astype(np.float32)
    for fold in (1, 2):
        _write_fold(root / "target" / str(fold), _parts_of(names, fold, n_held_out), labels, n_classes, one_hot)
    if audio == "comparE":
        _write_mean_std(root, names, n_held_out)
    return root


def _parts_of(names: list[str], fold: int, n: int) -> list[list[str]]:
    """Return the ids of training, validation and test. Validation and test swap their utterances between the folds."""
    return [names[2 * n :], names[(2 - fold) * n : (3 - fold) * n], names[(fold - 1) * n : fold * n]]


def _write_fold(folder: Path, parts: list[list[str]], labels: Mapping[str, int], n_classes: int, one_hot: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, names in zip(TREE_PARTS, parts, strict=True):
        codes = np.array([labels[name] for name in names])
        ids = np.array([[name.encode()] for name in names]) if one_hot else np.array(names)
        np.save(folder / f"{part}_int2name.npy", ids)
        np.save(folder / f"{part}_label.npy", np.eye(n_classes)[codes] if one_hot else codes)


def _write_mean_std(root: Path, names: list[str], n_held_out: int) -> None:
    import h5py

    with (
        h5py.File(root / "A" / "comparE.h5", "r") as features,
        h5py.File(root / "A" / "comparE_mean_std.h5", "w") as file,
    ):
        for fold in (1, 2):
            frames = np.concatenate([features[name][()] for name in _parts_of(names, fold, n_held_out)[0]])
            group = file.create_group(str(fold))
            group["mean"], group["std"] = frames.mean(axis=0), frames.std(axis=0)


def write_pickle(
    path: Path,
    n_features: Mapping[str, int],
    *,
    aligned: bool = False,
    largest: float = 3.0,
    unimodal: bool = False,
    sizes: tuple[int, int, int] = (5, 2, 3),
) -> Path:
    """Write random features in exactly the form of the public pickles.

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

    sizes : tuple of int, default (5, 2, 3)
        Number of training, validation and test samples.

    Returns
    -------
    Path
        `path`. The audio of the second training sample is missing: its length is 0, or its values are 0 in aligned
        files.
    """
    rng = np.random.default_rng(0)
    parts = {part: _sample_part(part, n, n_features, aligned, rng) for part, n in zip(PICKLE_PARTS, sizes, strict=True)}
    for content in parts.values():
        content["regression_labels"] = (content["regression_labels"] * largest).round(1)
        if unimodal:
            content |= {f"regression_labels_{letter}": content["regression_labels"] for letter in "TAV"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(parts, protocol=4))
    return path


def _sample_part(part: str, n: int, n_features: Mapping[str, int], aligned: bool, rng: np.random.Generator) -> Any:
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
