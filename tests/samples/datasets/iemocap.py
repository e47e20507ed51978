"""IEMOCAP."""

from pathlib import Path

from redcore.datasets._sample_files import write_tree
from redcore.datasets.iemocap import CLASSES, N_FEATURES


def write_sample(root: Path) -> Path:
    """Write eight utterances with random features in the form of the public files, in two folds, and return `root`.

    The second utterance has no text, the third no video.
    """
    names = [f"Ses0{1 + row // 4}{'FM'[row % 2]}_impro01_{'MF'[row % 2]}00{row}" for row in range(8)]
    labels = {name: row % len(CLASSES) for row, name in enumerate(names)}
    return write_tree(root, labels, len(CLASSES), n_features=N_FEATURES)
