"""Data sets, one module each, described by a ``CARD``.

The module of a bundled data set offers ``load()``. That of a public one (``CARD.public``) offers ``load(root, fold)``,
which reads files that the user has obtained from the source, with one of the official splits.
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
        If False, the data set is bundled: it is part of an installed package, or is generated. If True, its files must
        be obtained from the source, and are read from a folder.
    """

    title: str
    source: str
    licence: str
    target: str
    public: bool


def is_public(name: str) -> bool:
    """Return True if there is a data set of this name whose files must be obtained from its source."""
    return name in names(__name__) and cast(Card, load(__name__, name, "data set").CARD).public


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
    if module.CARD.public:
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
    if not module.CARD.public:
        raise DataError(f"data set {name!r} is bundled and read from no folder")
    return cast(MultimodalData, module.load(root, fold))
