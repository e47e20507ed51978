import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from redcore.data.formats import read
from redcore.exceptions import DataError, RedCoreError, SettingsError, ShapeError, TargetError

X = np.arange(6.0).reshape(3, 2)


@pytest.fixture
def save(tmp_path):
    def write(name="data.npz", **arrays):
        path = tmp_path / name
        np.savez(path, **arrays)
        return path

    return write


def test_all_keys_are_read(save):
    sequences = np.zeros((3, 4, 1))
    sequences[0, :2, 0], sequences[2, :1, 0] = [1, 2], [3]
    data = read(
        save(
            x_text=X,
            x_audio=sequences,
            len_audio=[2, 0, 1],
            has_text=[1, 1, 0],
            y=[1, 0, 1],
            class_names=["calm", "angry"],
            group=["p", "q", "p"],
            split=[0, 1, 2],
            sample_id=["u", "v", "w"],
            comment="ignored",
        )
    )
    assert data.names == ("audio", "text")
    assert data.availability.tolist() == [[True, True], [False, True], [True, False]]
    assert data.modalities["audio"].values.ravel().tolist() == [1, 2, 3]
    assert data.modalities["audio"].lengths.tolist() == [2, 1]
    assert data.modalities["text"].values.tolist() == [[0, 1], [2, 3]]
    assert data.target.classes.tolist() == ["calm", "angry"]
    assert data.target.classes[data.target.values].tolist() == ["angry", "calm", "angry"]
    assert data.groups.tolist() == ["p", "q", "p"]
    assert data.split.tolist() == [0, 1, 2]
    assert data.sample_ids.tolist() == ["u", "v", "w"]


def test_only_values_are_required(save):
    data = read(save(x_a=X))
    assert (data.n_samples, data.target, data.groups, data.split) == (3, None, None, None)
    assert data.sample_ids.tolist() == [0, 1, 2]


def test_utterance_ids_are_used_as_sample_ids(save):
    assert read(save(x_a=X, utt_id=["u", "v", "w"])).sample_ids.tolist() == ["u", "v", "w"]


def test_values_of_missing_modalities_are_ignored(save):
    spoiled = X.copy()
    spoiled[1] = [np.inf, 1e300]
    data = read(save(x_a=spoiled, x_b=X, has_a=[1, 0, 1]))
    assert data.checksum() == read(save(x_a=np.where([[1], [0], [1]], X, np.nan), x_b=X)).checksum()


@pytest.mark.parametrize(
    ("labels", "kind", "n_outputs"),
    [
        ([0, 1, 1], "binary", 2),
        ([0, 1, 2], "multiclass", 3),
        ([0.0, 2.0, 2.0], "binary", 2),
        (["a", "b", "c"], "multiclass", 3),
        ([[0], [1], [2]], "multiclass", 3),
        ([0.5, 1.0, 2.0], "regression", 1),
        ([[0, 1], [1, 1], [0, 0]], "multilabel", 2),
        ([[0.5, 1], [1, 1], [0, 0]], "regression", 2),
    ],
)
def test_kind_of_target(save, labels, kind, n_outputs):
    target = read(save(x_a=X, y=labels)).target
    assert (target.kind, target.n_outputs) == (kind, n_outputs)


def test_class_names_may_contain_classes_that_do_not_occur(save):
    target = read(save(x_a=X, y=[2, 0, 2], class_names=["p", "q", "r"])).target
    assert target.classes.tolist() == ["p", "q", "r"]
    assert target.values.tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"features": X, "y": [0, 1, 0]}, DataError, "no key of the form 'x_<modality>'; keys: features, y"),
        ({}, DataError, "keys: none"),
        ({"x_a": X, "x_b": X[:2]}, ShapeError, "'b' has 2 rows, expected 3"),
        ({"x_a": X, "y": [0, 1]}, ShapeError, "target has 2 rows, expected 3"),
        ({"x_a": X, "y": [0, 1, 2], "class_names": ["p", "q"]}, DataError, "classes 0 to 2, expected 0 to 1"),
        ({"x_a": X, "y": [0, -1, 1], "class_names": ["p", "q"]}, DataError, "classes -1 to 1"),
        ({"x_a": X, "y": [0, 1, np.nan]}, TargetError, "labels missing: row 2"),
        ({"x_a": X, "y": np.eye(3, 2), "class_names": ["p"]}, ShapeError, "1 rows, expected 2"),
        ({"x_a": X, "y": 3}, TargetError, "labels"),
        ({"x_a": 3.0}, DataError, "modality 'a'"),
        ({"x_a": X[:0], "y": X[:0, 0].astype(int), "class_names": ["p"]}, DataError, "no samples"),
        ({"x_a": X, "len_a": [1, 1, 1]}, ShapeError, "'a' has lengths"),
        ({"x_a": X, "has_a": [1, 2, 1]}, DataError, "availability of 'a'"),
        ({"x_a": X, "has_b": [1, 1, 1]}, RedCoreError, "unknown modality 'b'"),
        ({"x_a": X, "sample_id": ["u", "u", "v"]}, DataError, "'u' occurs 2 times"),
        ({"x_a": X, "split": [0, 1, 9]}, DataError, "split of row 2 is 9"),
        ({"x_a": [["p"], ["q"], ["r"]]}, DataError, "modality 'a' .*not numbers"),
    ],
)
def test_error_names_the_invalid_key(save, arrays, error, message):
    with pytest.raises(error, match=message):
        read(save(**arrays))


def test_errors_name_the_file(save):
    with pytest.raises(ShapeError, match=r"odd\.npz: target has 2 rows"):
        read(save("odd.npz", x_a=X, y=[0, 1]))


class Bomb:
    """Object that creates a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("key", ["x_a", "y", "class_names", "anything"])
def test_pickled_objects_are_rejected_without_execution(save, tmp_path, key):
    trace = tmp_path / "executed"
    path = save(**{"x_a": X, key: np.array([Bomb(trace)], dtype=object)})
    with pytest.raises(DataError, match=f"key '{key}' contains pickled objects, which are not allowed"):
        read(path)
    assert not trace.exists()
    with np.load(path, allow_pickle=True) as archive:
        archive[key]
    assert trace.exists()


def test_bare_pickle_is_rejected(tmp_path):
    trace, path = tmp_path / "executed", tmp_path / "data.npz"
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(DataError, match="not a readable npz archive"):
        read(path)
    assert not trace.exists()


def single_array():
    stream = io.BytesIO()
    np.save(stream, X)
    return stream.getvalue()


def zip_of(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"hello, world\n" * 50, b"\x89HDF\r\n\x1a\n", single_array(), zip_of(x_a="text"), zip_of(readme="")],
)
def test_files_of_other_formats(tmp_path, content):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.npz: .*expected an npz archive|not a readable npz archive"):
        read(path)


def test_truncation_is_detected(save):
    path = save(x_a=X, y=[0, 1, 0])
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"data\.npz"):
            read(path)


def test_modified_byte_gives_the_same_data_or_an_error(save):
    path = save(x_a=X, y=[0, 1, 0])
    content, checksum = path.read_bytes(), read(path).checksum()
    n_rejected = 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            assert read(path).checksum() == checksum
        except RedCoreError:
            n_rejected += 1
    assert n_rejected > len(content) // 6


def test_absent_file_folder_and_unknown_suffix(tmp_path):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "table.xyz").write_text("a,b\n")
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        read(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"folder\.npz"):
        read(tmp_path / "folder.npz")
    with pytest.raises(DataError, match=r"no reader recognises files ending in '\.xyz'; known formats: .*npz"):
        read(tmp_path / "table.xyz")


def test_suffix_is_not_case_sensitive(save):
    source = save(x_a=X)
    assert read(source.rename(source.with_name("DATA.NPZ"))).n_samples == 3


@pytest.mark.parametrize(
    ("task", "labels", "kind", "classes"),
    [
        ("numbers", [3, 4, 5], "regression", None),
        ("numbers", ["1.5", "2", "3"], "regression", None),
        ("classes", [1.0, 2.0, 1.0], "binary", [1, 2]),
        ("labels", [[0, 1], [1, 1], [0, 0]], "multilabel", [0, 1]),
        ("numbers", [[0, 1], [1, 1], [0, 0]], "regression", None),
    ],
)
def test_kind_of_target_by_option(save, task, labels, kind, classes):
    target = read(save(x_a=X, y=labels), options={"task": task}).target
    assert target.kind == kind
    assert (None if target.classes is None else target.classes.tolist()) == classes


def test_unknown_task_or_labels_of_another_kind(save):
    path = save(x_a=X, y=["a", "b", "a"])
    with pytest.raises(SettingsError, match="task"):
        read(path, options={"task": "ranks"})
    for task in ("numbers", "labels"):
        with pytest.raises(TargetError, match=r"data.npz: "):
            read(path, options={"task": task})
    with pytest.raises(TargetError, match=r"data.npz: target 'y': .*class labels are fractional numbers"):
        read(save(x_a=X, y=[0.5, 1.5, 0.5]), options={"task": "classes"})
