"""Bundled data sets, one module each: ``CARD`` (what it is, where it comes from) and ``load()``."""

from dataclasses import dataclass
from typing import cast

from redcore._discovery import load
from redcore.data import MultimodalData

__all__ = ["Card", "load_dataset"]


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

    Examples
    --------
    >>> load_dataset("digits").names
    ('fourier', 'gradients', 'pixels', 'profiles')
    """
    return cast(MultimodalData, load(__name__, name, "data set").load())
