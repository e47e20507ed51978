"""IEMOCAP."""

from pathlib import Path

from redcore.datasets.iemocap import CLASSES, N_FEATURES
from samples.formats import mmin


def write_sample(root: Path) -> Path:
    """Write eight utterances in two folds, random numbers in the form of the public files, and return `root`.

    The second utterance lacks its text, the third its video.

    Parameters
    ----------
    root : Path
        Folder to write in; made if need be.
    """
    names = [f"Ses0{1 + row // 4}{'FM'[row % 2]}_impro01_{'MF'[row % 2]}00{row}" for row in range(8)]
    labels = {name: row % len(CLASSES) for row, name in enumerate(names)}
    return mmin.write_tree(root, labels, len(CLASSES), n_features=N_FEATURES)
