"""Records of all versions are read; what a record tells follows from what was run."""

import gzip
import json
from pathlib import Path

import pytest

from redcore.benchmark import read_records
from redcore.exceptions import RunError

ABLATION = Path(__file__).parents[2] / "docs" / "results" / "ablation.jsonl.gz"


def version_1():
    return [json.loads(line) for line in gzip.decompress(ABLATION.read_bytes()).decode().splitlines()]


def test_records_of_version_1_keep_key_and_content():
    old = {content["key"]: content for content in version_1() if content["schema_version"] == 1}
    if not old:
        pytest.skip("the records of the ablation are of a later version")
    for record in read_records(ABLATION):
        content = old[record.key]
        assert record.cell.key() == record.key
        assert record.metrics == content["metrics"]
        assert record.missing_rates == {"train": content["missing_rates"]}
        assert record.availability_checksums == {"train": content["availability_checksum"]}


def test_unknown_versions_are_refused(tmp_path):
    packed = tmp_path / "records.jsonl.gz"
    content = {**version_1()[0], "schema_version": 99}
    packed.write_bytes(gzip.compress(json.dumps(content).encode()))
    with pytest.raises(RunError, match="schema version 99, this redcore reads versions 1 and 2"):
        read_records(packed)
