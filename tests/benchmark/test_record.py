"""Packed records: keys and masks do not change, so that a study begun by another version can be resumed."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from redcore.benchmark import pack_records, read_records, unpack_records
from redcore.benchmark._splits import prepare
from redcore.exceptions import RunError

PACKED = Path(__file__).with_name("records.jsonl.gz")
"""Cells of ``late_fusion`` on bundled data sets, from the records in docs/results, without scores and histories."""


def test_cells_keep_their_keys():
    records = read_records(PACKED)
    assert len(records) == 34
    assert [record.cell.key() for record in records] == [record.key for record in records]


def test_cells_keep_their_masks():
    for record in read_records(PACKED):
        observed = prepare(record.cell).observed()
        assert {part: data.n_samples for part, data in observed.items()} == record.n_samples
        checksums = {
            part: hashlib.sha256(np.packbits(data.availability).tobytes()).hexdigest()
            for part, data in observed.items()
        }
        assert checksums == record.availability_checksums


@pytest.mark.parametrize("version", [1, 99, None, "2"])
def test_unknown_versions_are_rejected(tmp_path, version):
    packed = tmp_path / "records.jsonl.gz"
    content = json.loads(gzip.decompress(PACKED.read_bytes()).decode().splitlines()[0])
    packed.write_bytes(gzip.compress(json.dumps({**content, "schema_version": version}).encode()))
    with pytest.raises(RunError, match=f"schema version {version!r}, expected 2"):
        read_records(packed)


def test_places_of_records_may_be_strings(tmp_path):
    assert unpack_records(str(PACKED), str(tmp_path / "out")) == len(read_records(str(PACKED)))
    assert pack_records(str(tmp_path / "out"), str(tmp_path / "again.jsonl.gz")) == len(read_records(tmp_path / "out"))


def test_a_missing_place_of_records_is_named(tmp_path):
    with pytest.raises(RunError, match=r"absent: no such file or folder"):
        read_records(tmp_path / "absent")
