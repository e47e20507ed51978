import json

import pytest

from redcore._files import write_atomic, write_json
from redcore.exceptions import RunError


def test_content_appears_under_the_final_name_only(tmp_path):
    path, seen = tmp_path / "model.bin", []

    def write(temporary):
        seen.append(temporary)
        temporary.write_bytes(b"new")
        assert not path.exists()

    write_atomic(path, write)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    assert seen[0].parent == tmp_path
    assert seen[0].suffix == ".bin"


def test_failed_write_keeps_the_old_file_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")

    def write(temporary):
        temporary.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(RunError, match=r"model.bin: cannot be written \(disk full\)"):
        write_atomic(path, write)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(RunError, match=r"a\.json: cannot be written"):
        write_json(tmp_path / "none" / "a.json", {})


def test_json_round_trip_replaces_the_old_file(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("old")
    content = {"name": "Zoë", "scores": [0.1, None], "nested": {"n": 3}}
    write_json(path, content)
    assert json.loads(path.read_text(encoding="utf-8")) == content
    assert path.read_text().endswith("}\n")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_json_rejects_nan_and_infinity(tmp_path, bad):
    path = tmp_path / "record.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"score": bad})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
