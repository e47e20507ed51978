"""Stores of this project: folders of Parquet shards with a card."""

from pathlib import Path

from redcore._settings import Settings
from redcore.data import MultimodalData
from redcore.data.store import Store, is_store

__all__ = ["Options", "read", "recognises"]


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    verify : bool, default True
        If True, the checksums of all shards are verified first.
    """

    verify: bool = True


def recognises(path: Path) -> bool:
    """Return True if the path is a folder with a ``card.json``."""
    return is_store(path)


def read(path: Path, options: Options) -> MultimodalData:
    """Read a whole store into memory. To read it block by block, use `redcore.data.store.Store`."""
    return Store(path, verify=options.verify).read()
