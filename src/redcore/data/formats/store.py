"""The project's own store: a folder of Parquet shards and a card."""

from pathlib import Path

from redcore._settings import Settings
from redcore.data import MultimodalData
from redcore.data.store import Store, is_store

__all__ = ["Options", "read", "recognises"]


class Options(Settings):
    """How a store is read.

    Attributes
    ----------
    verify : bool, default True
        Whether the bytes are compared with the checksums of the card first.
    """

    verify: bool = True


def recognises(path: Path) -> bool:
    """Whether the path is a folder with a ``card.json``."""
    return is_store(path)


def read(path: Path, options: Options) -> MultimodalData:
    """Read a whole store into memory; see `redcore.data.store.Store` for reading it by blocks."""
    return Store(path, verify=options.verify).read()
