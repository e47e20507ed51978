"""Contract of every format, see `redcore.testing`, and the commands that read files."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from pyarrow.csv import read_csv

from redcore._discovery import names
from redcore.data.formats import guess, read
from redcore.exceptions import RedCoreError, UnknownNameError
from redcore.testing import FORMATS as CONTRACT
from redcore.testing import FormatSubject
from samples import remove_labels, write_format

FORMATS = names("redcore.data.formats")


@pytest.fixture(params=FORMATS)
def name(request):
    return request.param


@pytest.fixture
def sample(name, tmp_path) -> Path:
    return write_format(name, tmp_path)


@pytest.mark.parametrize("clause", CONTRACT.clauses)
def test_contract(name, clause):
    CONTRACT.check_clause(clause, FormatSubject(name, partial(write_format, name), partial(remove_labels, name)))


def test_sample_is_recognised_by_its_own_format(sample, name):
    assert guess(sample) == name


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


def test_unknown_formats(sample):
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
