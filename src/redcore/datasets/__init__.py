"""Data sets, one module each, with a ``CARD``: what it is and where it comes from.

Bundled ones offer ``load()``. Public ones, whose files must be asked for, offer ``load(root, fold)``, which knows the
official splits, and ``write_sample(root)``, which writes a small file tree in the exact form of the public files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from redcore._discovery import load
from redcore.data import MultimodalData
from redcore.datasets._gaussian_model import GaussianModel, GaussianSettings
from redcore.exceptions import DataError

__all__ = ["Card", "GaussianModel", "GaussianSettings", "load_dataset", "load_public"]


@dataclass(frozen=True)
class Card:
    """What a data set is and where it comes from."""

    title: str
    source: str
    licence: str
    target: str


def load_dataset(name: str) -> MultimodalData:
    """Load a bundled data set, with its split.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    DataError
        If it is one whose files are not bundled.

    Examples
    --------
    >>> load_dataset("digits").names
    ('fourier', 'gradients', 'pixels', 'profiles')
    """
    module = load(__name__, name, "data set")
    if hasattr(module, "write_sample"):
        raise DataError(
            f"the files of data set {name!r} are not bundled; where you have them: "
            f"redcore convert FOLDER --dataset {name} --out STORE"
        )
    return cast(MultimodalData, module.load())


def load_public(name: str, root: Path, fold: int = 1) -> MultimodalData:
    """Load a public data set from its files.

    Parameters
    ----------
    name : str
    root : Path
        Folder that holds the files as they are distributed.
    fold : int, default 1
        Which of its official splits.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    DataError
        If it is a bundled one, or files are absent or damaged.
    """
    module = load(__name__, name, "data set")
    if not hasattr(module, "write_sample"):
        raise DataError(f"data set {name!r} is bundled and read from no folder")
    return cast(MultimodalData, module.load(root, fold))
