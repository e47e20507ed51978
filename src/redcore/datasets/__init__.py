"""Data sets, one module each, described by a ``CARD``.

The module of a bundled data set defines ``load()``. The module of a public data set (``CARD.public``) defines
``load(root, fold)``, which reads the original files from a folder with one of the official splits. Users must obtain
these files from the source.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from redcore._discovery import load, names
from redcore.data import MultimodalData
from redcore.datasets._gaussian_model import GaussianModel, GaussianSettings
from redcore.exceptions import DataError

__all__ = ["Card", "GaussianModel", "GaussianSettings", "is_public", "load_dataset", "load_public"]


@dataclass(frozen=True)
class Card:
    """Description of a data set.

    Attributes
    ----------
    title, source, licence : str
    target : str
        Kind of the target, and its classes or range.
    public : bool
        If True, the files must be obtained from the source and are read from a folder. If False, the data set is
        bundled: it is part of an installed package, or generated.
    """

    title: str
    source: str
    licence: str
    target: str
    public: bool


def is_public(name: str) -> bool:
    """Return True if `name` is a data set whose files must be obtained from its source."""
    return name in names(__name__) and cast(Card, load(__name__, name, "data set").CARD).public


def load_dataset(name: str) -> MultimodalData:
    """Load a bundled data set with its split.

    Raises
    ------
    UnknownNameError
        If the data set does not exist.
    DataError
        If the data set is not bundled.

    Examples
    --------
    >>> load_dataset("digits").names
    ('fourier', 'gradients', 'pixels', 'profiles')
    """
    module = load(__name__, name, "data set")
    if module.CARD.public:
        raise DataError(
            f"data set {name!r} is not bundled; obtain its files and convert them with "
            f"redcore convert FOLDER --dataset {name} --out STORE"
        )
    return cast(MultimodalData, module.load())


def load_public(name: str, root: Path, fold: int = 1) -> MultimodalData:
    """Load a public data set from its files.

    Parameters
    ----------
    name : str
    root : Path
        Folder with the original files.
    fold : int, default 1
        Number of the official split.

    Raises
    ------
    UnknownNameError
        If the data set does not exist.
    DataError
        If the data set is bundled, or if files are absent or damaged.
    """
    module = load(__name__, name, "data set")
    if not module.CARD.public:
        raise DataError(f"data set {name!r} is bundled, expected a public data set to read from a folder")
    return cast(MultimodalData, module.load(root, fold))
