"""Contract of the formats."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from redcore._discovery import dotted_name
from redcore.data import MultimodalData, Schema
from redcore.data.formats import Expected, load_format, read, read_for, source_options
from redcore.data.store import write_store
from redcore.exceptions import DataError, SettingsError, UnknownNameError
from redcore.testing._contract import Contract, raises, require

__all__ = ["FORMATS", "FormatSubject", "check_format"]

FORMATS = Contract("format")


@dataclass(frozen=True)
class FormatSubject:
    """Format with functions that write a sample of it and remove its labels."""

    name: Any
    write_sample: Callable[[Path], Path]
    remove_labels: Callable[[Path], None] | None = None

    def __str__(self) -> str:
        return repr(self.name)


def check_format(
    name: Any,
    write_sample: Callable[[Path], Path],
    remove_labels: Callable[[Path], None] | None = None,
    skip: Collection[str] = (),
) -> None:
    """Check the contract of a format.

    Parameters
    ----------
    name : str or object
        See `redcore.data.formats`.
    write_sample : callable
        ``write_sample(folder) -> Path`` writes a small file with labels, several modalities and at least one missing
        modality, and returns the path to read.
    remove_labels : callable, optional
        ``remove_labels(path)`` removes the labels of this file. Default: the clause about absent labels is left out.
    skip : collection of str
        Names of clauses to leave out, or their first words.

    Raises
    ------
    ContractError
        If the format violates a clause. The message names the first one.
    """
    FORMATS.check(FormatSubject(name, write_sample, remove_labels), skip)


def same_content(one: MultimodalData, other: MultimodalData) -> bool:
    """Return True if values, labels, groups, splits and ids are equal."""
    for attribute in ("groups", "split", "sample_ids"):
        left, right = getattr(one, attribute), getattr(other, attribute)
        if (left is None) != (right is None):
            return False
        if left is not None and not (np.array_equal(left, right) and left.dtype.kind == right.dtype.kind):
            return False
    return one.checksum() == other.checksum()


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


@FORMATS.clause()
def sample_is_recognised_and_has_missing_modalities(subject: FormatSubject) -> None:
    """The sample is recognised by its path and has labels, several samples and modalities, and a missing modality."""
    with TemporaryDirectory() as folder:
        sample = subject.write_sample(Path(folder))
        require(load_format(subject.name).recognises(sample), f"recognises({sample.name}) is False")
        data = read(sample, subject.name)
        require(data.n_samples > 1 and len(data.names) > 1, f"got {data.n_samples} samples of {data.names}")
        require(data.target is not None, "expected labels")
        require(not data.availability.all(), "expected a missing modality")


@FORMATS.clause()
def conversion_to_a_store_is_lossless(subject: FormatSubject) -> None:
    """A store with the data of the sample has the same values, labels, groups, splits and ids."""
    with TemporaryDirectory() as folder:
        data = read(subject.write_sample(Path(folder)), subject.name)
        write_store(data, Path(folder) / "converted store")
        require(same_content(read(Path(folder) / "converted store", "store"), data), "the store has other content")


@FORMATS.clause()
def labels_may_be_absent_in_prediction_but_not_in_evaluation(subject: FormatSubject) -> None:
    """Data without labels is read for prediction, and is an error where labels are needed."""
    if subject.remove_labels is None:
        return
    name = dotted_name(subject.name)
    with TemporaryDirectory() as folder:
        sample = subject.write_sample(Path(folder))
        labelled, options = read(sample, name), source_options(sample, name)["options"]
        schema = Schema.of(labelled)
        labels = read_for(sample, Expected(schema, True, name, options))
        require(same_content(labels, labelled), "read_for gives other data than read")
        subject.remove_labels(sample)
        data = read_for(sample, Expected(schema, False, name, options))
        require(data.target is None, "expected no labels")
        # without label file, a folder has its samples in the order of their names
        order = [data.sample_ids.tolist().index(one) for one in labelled.sample_ids.tolist()]
        unlabelled = replace(labelled, target=None)
        require(data.take(np.array(order)).checksum() == unlabelled.checksum(), "the values have changed")
        with raises(DataError):
            schema.align(read_for(sample, Expected(schema, True, name, options)))


@FORMATS.clause()
def reading_changes_no_file(subject: FormatSubject) -> None:
    """Reading changes no file and writes none."""
    with TemporaryDirectory() as folder:
        sample = subject.write_sample(Path(folder))
        before = {path: path.read_bytes() for path in _files(sample)}
        read(sample, subject.name)
        require({path: path.read_bytes() for path in _files(sample)} == before, "a file has changed")


def _error_message(path: Path, name: Any) -> str | None:
    """Return the message of the error that reading raises, or None if it raises none."""
    try:
        read(path, name)
    except DataError as error:
        return str(error)
    return None


@FORMATS.clause()
def error_names_truncated_empty_or_invalid_file(subject: FormatSubject) -> None:
    """Damaged files are read or rejected with a `DataError` in one line that names the file."""
    with TemporaryDirectory() as folder:
        sample, n_rejected = subject.write_sample(Path(folder)), 0
        for path in _files(sample):
            content = path.read_bytes()
            for damaged in (b"", content[: len(content) // 2], content[:-1], b"\x00" * len(content), b"bad \xff\xfe"):
                path.write_bytes(damaged)
                message = _error_message(sample, subject.name)
                if message is not None:
                    n_rejected += 1
                    named = str(sample) in message or path.name in message
                    require(named and "\n" not in message, f"{path.name}: the message is {message!r}")
            path.write_bytes(content)
        require(n_rejected >= 3, f"only {n_rejected} damaged files are rejected")
        require(_error_message(sample, subject.name) is None, "the intact file is rejected")


@FORMATS.clause()
def absent_file_is_an_error_or_missing_data(subject: FormatSubject) -> None:
    """Without one of its files, the data is read or rejected with a `DataError` in one line."""
    with TemporaryDirectory() as folder:
        sample = subject.write_sample(Path(folder))
        for path in _files(sample):
            moved = path.with_name(path.name + ".away")
            path.rename(moved)
            message = _error_message(sample, subject.name)
            require(message is None or "\n" not in message, f"without {path.name}: the message is {message!r}")
            moved.rename(path)


@FORMATS.clause()
def unknown_options_are_rejected(subject: FormatSubject) -> None:
    """An unknown option is an error that names it."""
    with TemporaryDirectory() as folder:
        sample = subject.write_sample(Path(folder))
        with raises((UnknownNameError, SettingsError), match="no_such_option"):
            read(sample, subject.name, {"no_such_option": 1})
