"""HDF5 folders in the form of the MMIN family."""

from pathlib import Path

from redcore.datasets._sample_files import write_tree


def write_sample(folder: Path) -> Path:
    """Write eight utterances in two folds, with few features. Two of them have a missing modality."""
    names = [f"Ses0{1 + row % 2}F_impro0{1 + row // 2}_M000" for row in range(8)]
    labels = dict(zip(names, [0, 1, 2, 0, 1, 2, 0, 1], strict=True))
    return write_tree(folder / "mmin", labels, 3, n_features={"audio": 3, "text": 4, "video": 2})


def remove_labels(path: Path) -> None:
    """Remove the label files of all folds."""
    for file in path.glob("target/*/*_label.npy"):
        file.unlink()
