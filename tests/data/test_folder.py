"""Format folder: absent files are missing modalities, and no file outside the folder is read."""

import os
import warnings

import numpy as np
import pytest

from redcore.data.formats import read
from redcore.exceptions import DataError
from samples import write_format


@pytest.fixture
def root(tmp_path):
    return write_format("folder", tmp_path)


def test_content(root):
    data = read(root)
    assert data.names == ("ecg", "lab")
    assert data.availability[:, 0].tolist() == [True, False, True, True, False, True]
    assert data.target.classes.tolist() == ["no", "yes"]
    assert data.split.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.groups.tolist() == ["g0", "g0", "g1", "g1", "g2", "g2"]
    np.testing.assert_array_equal(data.take([3]).modalities["ecg"].values, np.load(root / "ecg/s3.npy"))


@pytest.mark.parametrize(
    ("labels", "task", "kind", "values"),
    [
        ("0.5 1 2 3 1 0", "auto", "regression", [0.5, 1, 2, 3, 1, 0]),
        ("0 1 1 0 1 0", "auto", "binary", [0, 1, 1, 0, 1, 0]),
        ("0 1 1 0 1 0", "numbers", "regression", [0, 1, 1, 0, 1, 0]),
        ("10 9 9 10 9 9", "auto", "binary", [1, 0, 0, 1, 0, 0]),
        ("u v w u v w", "classes", "multiclass", [0, 1, 2, 0, 1, 2]),
    ],
)
def test_labels(root, labels, task, kind, values):
    rows = [f"s{row},{label}" for row, label in enumerate(labels.split())]
    (root / "labels.csv").write_bytes("\ufeffid,label\r\n".encode() + "\r\n".join(rows).encode())
    target = read(root, "folder", {"task": task}).target
    assert (target.kind, target.values.tolist()) == (kind, values)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "a/b", "a\\b", "a\0b", "a" * 252, "\u00e9" * 126])
def test_ids_that_are_not_file_names(root, name):
    (root.parent / "secret.npy").write_bytes(b"")
    (root / "labels.csv").write_text(f"id,label\n{name},1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.csv"):
        read(root)


def test_links_out_of_the_folder(root, tmp_path):
    np.save(tmp_path / "outside.npy", np.ones(3))
    (root / "lab/s0.npy").unlink()
    (root / "lab/s0.npy").symlink_to(tmp_path / "outside.npy")
    with pytest.raises(DataError, match=r"s0\.npy: the link points outside"):
        read(root)
    (tmp_path / "outside.npy").unlink()
    with pytest.raises(DataError, match="the target of the link does not exist"):
        read(root)
    (root / "labels.csv").rename(tmp_path / "labels.csv")
    (root / "labels.csv").symlink_to(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"labels\.csv: the link points outside"):
        read(root)


def test_modality_folder_that_is_a_link_out_of_the_folder(root, tmp_path):
    (root / "lab").rename(tmp_path / "lab")
    (root / "lab").symlink_to(tmp_path / "lab")
    with pytest.raises(DataError, match=r"s0\.npy: the link points outside"):
        read(root)


def test_error_if_not_a_file(root):
    for make in (os.mkfifo, os.mkdir):
        make(root / "ecg/s1.npy")
        with pytest.raises(DataError, match=r"s1\.npy: not a file"):
            read(root)
        (root / "ecg/s1.npy").unlink() if make is os.mkfifo else (root / "ecg/s1.npy").rmdir()


def header(shape):
    return (
        b"\x93NUMPY\x01\x00"
        + (118).to_bytes(2, "little")
        + f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117)
        + b"\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable npy array"),
        (b"\x93NUMPY\x01\x00\x10", "not a readable npy array"),
        (header("(4294967296, 4294967296)") + b"abcd", "with 4 bytes of data"),
        (header("(-1,)") + b"", "of data|not a readable"),
        (header("(4294967296, 4294967296)").replace(b"'<f4'", b"'|S0'"), "expected numbers"),
        (header("(-1, -1)") + b"1234", "not a readable npy array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100, "not a readable npy array"),
        (b"\x93NUMPY\x02\x00" + (20000).to_bytes(4, "little") + b" " * 20000, "not a readable npy array: .*Header"),
        (header("(2, 1, 1, 1)") + b"12345678", "expected .n_features"),
    ],
)
def test_damaged_arrays(root, content, message):
    (root / "lab/s2.npy").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read(root)
    assert "s2.npy" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_npy(root, version):
    before = read(root).checksum()
    array = np.load(root / "lab/s2.npy")
    with (root / "lab/s2.npy").open("wb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array(stream, array, version=version)
    assert read(root).checksum() == before


def test_pickled_arrays_are_rejected(root):
    np.save(root / "lab/s2.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"s2\.npy: an array of object"):
        read(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda root: (root / "lab/s9.npy").write_bytes(b""),
            r"lab: 's9\.npy' does not belong to a sample of labels\.csv",
        ),
        (lambda root: (root / "labels.csv").write_text("id,label\n"), "contains no samples"),
        (lambda root: (root / "labels.csv").write_text("name,label\ns0,1\n"), "no column 'id'; columns: name, label"),
        (lambda root: (root / "labels.csv").write_text("id,label\ns0\n"), "row 1 has 1 cells, expected 2"),
        (lambda root: (root / "labels.csv").write_text("id,label\ns0,\n"), "row 1 has no label"),
        (
            lambda root: (root / "labels.csv").write_text(
                "id,label,split\n" + "".join(f"s{row},{row},last\n" for row in range(6))
            ),
            "split 'last'",
        ),
        (lambda root: (root / "labels.csv").write_bytes(b"id,label\n\xff\xfe,1\n"), "not a readable CSV"),
    ],
)
def test_errors(root, change, message):
    change(root)
    with pytest.raises(DataError, match=message) as caught:
        read(root)
    assert str(root) in str(caught.value)
