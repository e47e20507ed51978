"""Records of all versions are read; what a record tells follows from what was run."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from redcore.benchmark import read_records
from redcore.benchmark._splits import prepare
from redcore.exceptions import RunError

VERSION_1 = Path(__file__).with_name("records_v1.jsonl.gz")
"""Of a study that was packed when records had version 1."""


def version_1():
    return [json.loads(line) for line in gzip.decompress(VERSION_1.read_bytes()).decode().splitlines()]


def test_records_of_version_1_keep_key_and_content():
    old = {content["key"]: content for content in version_1()}
    assert {content["schema_version"] for content in old.values()} == {1}
    for record in read_records(VERSION_1):
        content = old[record.key]
        assert record.cell.key() == record.key
        assert record.metrics == content["metrics"]
        assert record.missing_rates == {"train": content["missing_rates"]}
        assert record.availability_checksums == {"train": content["availability_checksum"]}


def test_masks_are_those_of_version_1():
    """A study that was begun before may go on: its cells see the same splits and masks."""
    places = {}
    for record in read_records(VERSION_1):
        if record.status == "done" and record.cell.data.name in ("digits", "gaussian"):
            places[record.cell.data.name, record.cell.protocol.title(), record.cell.seed] = record
    assert len(places) >= 8
    for record in places.values():
        train = prepare(record.cell).train
        digest = hashlib.sha256(np.packbits(train.availability).tobytes()).hexdigest()
        assert digest == record.availability_checksums["train"]


def test_unknown_versions_are_refused(tmp_path):
    packed = tmp_path / "records.jsonl.gz"
    content = {**version_1()[0], "schema_version": 99}
    packed.write_bytes(gzip.compress(json.dumps(content).encode()))
    with pytest.raises(RunError, match="schema version 99, this redcore reads versions 1 and 2"):
        read_records(packed)
