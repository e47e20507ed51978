"""Data sets, one module each, described by a ``CARD``.

The module of a bundled data set defines ``load()``. The module of a public data set (``CARD.public``) defines
``load(root, fold)``, which reads the original files from a folder with one of the official splits. Users must obtain
these files from the source. A data set of another distribution is such a module, or an object or class with these
attributes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from redcore._discovery import check_interface, is_known, load
from redcore.data import MultimodalData
from redcore.datasets._gaussian_model import GaussianModel, GaussianSettings
from redcore.datasets._weibull import WeibullTimes
from redcore.exceptions import DataError, PlugInError

__all__ = [
    "Card",
    "GaussianModel",
    "GaussianSettings",
    "WeibullTimes",
    "dataset",
    "is_public",
    "load_dataset",
    "load_public",
]


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


def dataset(name: Any) -> Any:
    """Return the module or object of a data set, with its ``CARD`` and ``load``.

    Parameters
    ----------
    name : str or object
        Name, dotted name, or an object with these attributes.

    Raises
    ------
    UnknownNameError, PlugInError
        If there is no such data set, if it cannot be imported, or if it does not have these attributes.
    """
    plug_in = load(__name__, name, "data set") if isinstance(name, str) else name
    plug_in = check_interface(plug_in, ("CARD", "load"), f"data set {name!r}")
    if not isinstance(plug_in.CARD, Card):
        raise PlugInError(f"data set {name!r}: expected CARD to be a redcore.datasets.Card, got {plug_in.CARD!r}")
    return plug_in


def is_public(name: Any) -> bool:
    """Return True if `name` is a data set whose files must be obtained from its source."""
    return (not isinstance(name, str) or is_known(__name__, name)) and cast(Card, dataset(name).CARD).public


def load_dataset(name: Any) -> MultimodalData:
    """Load a bundled data set with its split. See `dataset` for `name`.

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
    module = dataset(name)
    if module.CARD.public:
        raise DataError(
            f"data set {name!r} is not bundled; obtain its files and convert them with "
            f"redcore convert FOLDER --dataset {name} --out STORE"
        )
    return cast(MultimodalData, module.load())


def load_public(name: Any, root: Path, fold: int = 1) -> MultimodalData:
    """Load a public data set from its files.

    Parameters
    ----------
    name : str or object
        See `dataset`.
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
    module = dataset(name)
    if not module.CARD.public:
        raise DataError(f"data set {name!r} is bundled, expected a public data set to read from a folder")
    return cast(MultimodalData, module.load(root, fold))
