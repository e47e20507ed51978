"""Contract of the data sets."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redcore.data import MultimodalData
from redcore.datasets import dataset, is_public, load_dataset, load_public
from redcore.exceptions import DataError
from redcore.testing._contract import Contract, raises, require

__all__ = ["DATASETS", "DatasetSubject", "check_dataset"]

DATASETS = Contract("data set")


@dataclass(frozen=True)
class DatasetSubject:
    """Data set, and the function that writes a sample of its files if it is public."""

    name: Any
    write_sample: Callable[[Path], Path] | None = None

    def __str__(self) -> str:
        return repr(self.name)

    def load(self, folder: Path) -> MultimodalData:
        """Load the data set. Files of a public one are written to `folder`."""
        if not is_public(self.name):
            return load_dataset(self.name)
        if self.write_sample is None:
            raise TypeError("a public data set needs write_sample, which writes a sample of its files")
        return load_public(self.name, self.write_sample(folder))


def check_dataset(name: Any, write_sample: Callable[[Path], Path] | None = None, skip: Collection[str] = ()) -> None:
    """Check the contract of a data set.

    Parameters
    ----------
    name : str or object
        See `redcore.datasets`.
    write_sample : callable, optional
        For a public data set: ``write_sample(folder) -> Path`` writes a small sample of its files and returns the
        folder to read.
    skip : collection of str
        Names of clauses to leave out, or their first words.

    Raises
    ------
    ContractError
        If the data set violates a clause. The message names the first one.

    Examples
    --------
    >>> check_dataset("wine")
    """
    DATASETS.check(DatasetSubject(name, write_sample), skip)


@DATASETS.clause()
def card_is_complete(subject: DatasetSubject) -> None:
    """The card has a title, a source, a licence and a target."""
    card = dataset(subject.name).CARD
    for field in ("title", "source", "licence", "target"):
        require(bool(getattr(card, field)), f"{field} is empty")
    require(card.public == is_public(subject.name), "the card contradicts itself on public")


@DATASETS.clause()
def loads_as_stated_by_its_card(subject: DatasetSubject) -> None:
    """The data has a target and several modalities, and is loaded in the way that the card states."""
    with TemporaryDirectory() as folder:
        data = subject.load(Path(folder))
        require(data.target is not None, "expected a target")
        require(len(data.names) > 1, f"expected several modalities, got {data.names}")
        if is_public(subject.name):
            with raises(DataError, match="not bundled"):
                load_dataset(subject.name)
        else:
            with raises(DataError, match="is bundled, expected a public data set"):
                load_public(subject.name, Path(folder))


@DATASETS.clause()
def loading_twice_gives_the_same_data(subject: DatasetSubject) -> None:
    """Two calls give the same data."""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        checksums = [subject.load(Path(folder)).checksum() for folder in (one, other)]
    require(checksums[0] == checksums[1], "two calls give different data")
