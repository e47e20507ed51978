"""Contract of every format: its sample is read and converted to a store losslessly, and damaged files are rejected."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow.csv import read_csv

from redcore._discovery import names
from redcore.data import MultimodalData, Schema
from redcore.data.formats import Expected, guess, read, read_for, source_options
from redcore.data.store import write_store
from redcore.exceptions import DataError, RedCoreError, SettingsError, UnknownNameError
from samples import remove_labels, write_format

FORMATS = names("redcore.data.formats")


def assert_same(one: MultimodalData, other: MultimodalData) -> None:
    assert one.checksum() == other.checksum()
    for attribute in ("groups", "split", "sample_ids"):
        left, right = getattr(one, attribute), getattr(other, attribute)
        assert (left is None) == (right is None)
        assert left is None or (np.array_equal(left, right) and left.dtype.kind == right.dtype.kind)


@pytest.fixture(params=FORMATS)
def name(request):
    return request.param


@pytest.fixture
def sample(name, tmp_path) -> Path:
    return write_format(name, tmp_path)


def test_sample_is_recognised_and_has_missing_modalities(name, sample):
    assert guess(sample) == name
    data = read(sample)
    assert data.n_samples > 1
    assert len(data.names) > 1
    assert data.target is not None
    assert not data.availability.all()


def test_conversion_to_a_store_is_lossless(sample, tmp_path):
    data = read(sample)
    write_store(data, tmp_path / "converted")
    assert_same(read(tmp_path / "converted"), data)


def test_labels_may_be_absent_in_prediction_but_not_in_evaluation(sample, name):
    labelled, options = read(sample), source_options(sample)["options"]
    schema = Schema.of(labelled)
    assert_same(read_for(sample, Expected(schema, True, name, options)), labelled)
    remove_labels(name, sample)
    data = read_for(sample, Expected(schema, False, name, options))
    assert data.target is None
    # without label file, a folder has its samples in the order of their names
    order = [data.sample_ids.tolist().index(one) for one in labelled.sample_ids.tolist()]
    assert data.take(order).checksum() == replace(labelled, target=None).checksum()
    with pytest.raises(DataError):
        schema.align(read_for(sample, Expected(schema, True, name, options)))


# some splits of the samples are without a class
@pytest.mark.filterwarnings("always::redcore.exceptions.HoldOutWarning")
def test_redcore_predict_without_labels(sample, name, tmp_path, cli):
    status, _, message = cli("fit", sample, "--out", tmp_path / "run", "--method", "late_fusion")
    assert status == 0, message
    remove_labels(name, sample)
    status, out, message = cli("predict", tmp_path / "run", sample, "--out", tmp_path / "predictions.csv")
    assert status == 0, message
    assert f"{read_csv(tmp_path / 'predictions.csv').num_rows} predictions written" in out


def test_redcore_convert(sample, name, tmp_path, cli):
    status, out, _ = cli("convert", sample, "--out", tmp_path / "converted", "--json", "--licence", "none")
    assert status == 0
    report = json.loads(out)
    assert report["origin"]["format"] == name
    assert report["checksum"] == read(sample).checksum() == read(tmp_path / "converted").checksum()
    status, _, message = cli("convert", sample, "--out", tmp_path / "converted")
    assert status == 2
    assert "exists already; nothing is overwritten" in message


def test_reading_changes_no_file(sample):
    before = {path: path.read_bytes() for path in _files(sample)}
    read(sample)
    assert {path: path.read_bytes() for path in _files(sample)} == before


def error_message(path: Path) -> str | None:
    """Return the message of the error that reading raises, or None if it raises none."""
    try:
        read(path)
    except DataError as error:
        return str(error)
    return None


def test_error_names_truncated_empty_or_invalid_file(sample):
    n_rejected = 0
    for path in _files(sample):
        content = path.read_bytes()
        for damaged in (b"", content[: len(content) // 2], content[:-1], b"\x00" * len(content), b"invalid \xff\xfe"):
            path.write_bytes(damaged)
            message = error_message(sample)
            if message is not None:
                n_rejected += 1
                assert str(sample) in message or path.name in message
                assert "\n" not in message
        path.write_bytes(content)
    assert n_rejected >= 3
    assert error_message(sample) is None


def test_absent_file_is_an_error_or_missing_data(sample):
    for path in _files(sample):
        moved = path.with_name(path.name + ".away")
        path.rename(moved)
        message = error_message(sample)
        assert message is None or "\n" not in message
        moved.rename(path)


def test_unknown_options_and_formats(sample, name):
    with pytest.raises((UnknownNameError, SettingsError)):
        read(sample, name, {"no_such_option": 1})
    with pytest.raises(UnknownNameError, match="unknown format 'tape'"):
        read(sample, "tape")


def test_sample_of_another_format_is_rejected(name, tmp_path):
    for other in FORMATS:
        folder = tmp_path / other
        folder.mkdir()
        sample = write_format(other, folder)
        if other != name:
            with pytest.raises(RedCoreError):
                read(sample, name)
        shutil.rmtree(folder)


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
