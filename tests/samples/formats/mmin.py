"""HDF5 folders in the form of the MMIN family."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

PARTS = ("trn", "val", "tst")
FOLDERS = {"audio": "A", "text": "L", "video": "V"}
FILES = {"text": "bert_large", "video": "denseface"}


def write_sample(folder: Path) -> Path:
    """Write eight utterances in two folds, with few features. Two of them have a missing modality."""
    names = [f"Ses0{1 + row % 2}F_impro0{1 + row // 2}_M000" for row in range(8)]
    labels = dict(zip(names, [0, 1, 2, 0, 1, 2, 0, 1], strict=True))
    return write_tree(folder / "mmin", labels, 3, n_features={"audio": 3, "text": 4, "video": 2})


def write_tree(
    root: Path,
    labels: Mapping[str, int],
    n_classes: int,
    *,
    n_features: Mapping[str, int],
    audio: str = "comparE",
    one_hot: bool = True,
) -> Path:
    """Write random features in exactly this form, with two folds.

    Parameters
    ----------
    root : Path
        Folder to write to; created if necessary.
    labels : mapping of str to int
        Class number of each utterance id, for at least four utterances. The second has no text, the third no time step
        of video.
    n_classes : int
    n_features : mapping of str to int
        Number of features of audio, text and video.
    audio : str, default "comparE"
        Name of the audio file. With "comparE" its mean and std of each fold are written too.
    one_hot : bool, default True
        If True, labels and ids have the form of IEMOCAP: one-hot rows, and rows of one bytes string. If False, they
        have the form of MSP-IMPROV: numbers and text.

    Returns
    -------
    Path
        `root`.
    """
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
        _write_fold(root / "target" / str(fold), labels, n_classes, fold, one_hot)
    if audio == "comparE":
        _write_mean_std(root, names)
    return root


def _parts_of(names: list[str], fold: int) -> list[list[str]]:
    """Return the ids of training, validation and test. Validation and test swap their utterance between the folds."""
    return [names[2:], names[2 - fold : 3 - fold], names[fold - 1 : fold]]


def _write_fold(folder: Path, labels: Mapping[str, int], n_classes: int, fold: int, one_hot: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, names in zip(PARTS, _parts_of(list(labels), fold), strict=True):
        codes = np.array([labels[name] for name in names])
        ids = np.array([[name.encode()] for name in names]) if one_hot else np.array(names)
        np.save(folder / f"{part}_int2name.npy", ids)
        np.save(folder / f"{part}_label.npy", np.eye(n_classes)[codes] if one_hot else codes)


def _write_mean_std(root: Path, names: list[str]) -> None:
    with (
        h5py.File(root / "A" / "comparE.h5", "r") as features,
        h5py.File(root / "A" / "comparE_mean_std.h5", "w") as file,
    ):
        for fold in (1, 2):
            frames = np.concatenate([features[name][()] for name in _parts_of(names, fold)[0]])
            group = file.create_group(str(fold))
            group["mean"], group["std"] = frames.mean(axis=0), frames.std(axis=0)


def remove_labels(path: Path) -> None:
    """Remove the label files of all folds."""
    for file in path.glob("target/*/*_label.npy"):
        file.unlink()
