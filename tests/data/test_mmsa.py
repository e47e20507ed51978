"""Format mmsa: splits, lengths, targets, and errors that name file, split and key."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from redcore.data import Schema
from redcore.data.formats import Expected, read, read_for
from redcore.datasets._sample_files import write_pickle
from redcore.exceptions import DataError, NonFiniteError

SIZES = {"audio": 3, "text": 4, "vision": 2}


@pytest.fixture
def path(tmp_path):
    return write_pickle(tmp_path / "unaligned_50.pkl", SIZES)


def changed(path, change):
    content = pickle.loads(path.read_bytes())
    change(content)
    path.write_bytes(pickle.dumps(content))
    return path


def test_content(path):
    data = read(path)
    content = pickle.loads(path.read_bytes())
    assert [data.part(part).n_samples for part in ("train", "validation", "test")] == [5, 2, 3]
    assert data.sample_ids[:2].tolist() == ["train0$_$0", "train0$_$1"]
    assert data.groups[:3].tolist() == ["train0", "train0", "train1"]
    labels = np.concatenate([content[part]["regression_labels"] for part in ("train", "valid", "test")])
    np.testing.assert_allclose(data.target.values, labels)
    assert data.missing_rates == {"audio": 0.1, "text": 0.0, "vision": 0.0}
    lengths = content["train"]["vision_lengths"]
    assert data.part("train").modalities["vision"].lengths.tolist() == lengths
    assert lengths[1] > 0
    third = data.take([2]).modalities["vision"].values
    np.testing.assert_array_equal(third, content["train"]["vision"][2, : lengths[2]])
    words = content["train"]["text_bert"][:, 1].sum(axis=1)
    assert data.part("train").modalities["text"].lengths.tolist() == words.tolist()


def test_aligned_sequences_have_the_length_of_the_text(tmp_path):
    data = read(write_pickle(tmp_path / "aligned_50.pkl", SIZES, aligned=True))
    lengths = [data.take([3]).modalities[name].lengths.tolist() for name in data.names]
    assert lengths[0] == lengths[1] == lengths[2]


def test_without_lengths_trailing_zeros_are_padding(path):
    def strip(content):
        for part in content.values():
            for key in ("text_bert", "audio_lengths", "vision_lengths"):
                del part[key]

    before = read(path)
    assert read(changed(path, strip)).checksum() == before.checksum()


def test_sequences_of_zeros_are_observed_by_default(path):
    changed(path, lambda content: content["test"]["vision"].__setitem__(1, 0.0))
    assert read(path).missing_rates == {"audio": 0.1, "text": 0.0, "vision": 0.0}
    assert read(path, "mmsa", {"blank": "missing"}).missing_rates == {"audio": 0.1, "text": 0.0, "vision": 0.1}


@pytest.mark.parametrize("kind", ["bytes", "objects", "numbers"])
def test_ids_of_other_types(path, kind):
    def change(content):
        for code, part in enumerate(content.values()):
            names = part["id"]
            forms = {"bytes": np.char.encode(names), "objects": np.array(names, dtype=object)}
            part["id"] = forms.get(kind, np.arange(len(names)) + 10 * code)

    assert read(changed(path, change)).sample_ids[0] == ("0" if kind == "numbers" else "train0$_$0")


def test_targets(path):
    scores = read(path).target.values
    signs = read(path, "mmsa", {"target": "sign"}).target
    assert signs.classes.tolist() == ["negative", "positive"]
    np.testing.assert_array_equal(signs.values, scores >= 0)
    classes = read(path, "mmsa", {"target": "classification"}).target
    assert set(classes.classes.tolist()) <= {0, 1, 2}


def test_nonfinite_values(path):
    changed(path, lambda content: content["valid"]["audio"].__setitem__((0, 0, 0), -np.inf))
    with pytest.raises(NonFiniteError, match=r"split 'valid': .*modality 'audio'"):
        read(path)
    assert read(path, "mmsa", {"nonfinite": "zero"}).n_samples == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["train"].pop("id"), "split 'train': no key 'id'"),
        (lambda c: c["train"].update(id=c["train"]["id"][:3]), "split 'train'"),
        (lambda c: c["test"].update(audio_lengths=[99, 1, 1]), "split 'test', row 0: length of 'audio' is 99"),
        (
            lambda c: c["test"].update(vision=np.ones(3)),
            "split 'test', modality 'vision': .*expected .n, time, features",
        ),
        (lambda c: c["test"].update(regression_labels=["a", "b", "c"]), "key 'regression_labels'"),
        (lambda c: c["test"].update(id=["train0$_$0", "b", "c"]), "train0"),
        (lambda c: c["test"].update(vision=np.ones((3, 5, 9))), "modality 'vision' differs between the data sets"),
        (lambda c: c.update(train=[1]), "split 'train' is a list"),
        (lambda c: c.clear(), "expected a dict with the keys train, valid, test"),
        (lambda c: [c["train"].pop(name) for name in SIZES], "split 'train': no modality"),
        (lambda c: c["train"].update(text_bert=np.ones((5, 4))), "key 'text_bert' has shape"),
        (lambda c: c["test"].update(audio_lengths=[1, 1.5, 1]), "row 1: length of 'audio' is 1.5, expected an integer"),
        (lambda c: c["test"].update(audio_lengths=[1, 1, np.inf]), "row 2: length of 'audio' is inf"),
        (lambda c: c["test"].update(regression_labels=np.array([1, np.nan, 1])), "the label of row 8 is nan"),
        (lambda c: c["test"].update(id=["a", "b\nc", "d"]), r"row 1: 'b\\nc' cannot be an id"),
        (lambda c: c["test"].update(id=np.array([b"a", b"\xff", b"d"])), "not UTF-8 text"),
        (lambda c: c["test"].update(id=["a", 10**5000, "b"]), "key 'id': a list"),
        (lambda c: c["test"].update(id=["a" * 10**6] * 300), "key 'id': 300 texts of up to 1000000 characters"),
        (lambda c: (c["test"].clear(), c["test"].update({"a\nb": 1})), r"no key 'id'; keys: 'a\\nb'"),
    ],
)
def test_errors_name_file_split_and_key(path, change, message):
    with pytest.raises(DataError, match=message) as caught:
        read(changed(path, change))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("labels", "shown"), [([0, 0.5, 1], "0.5"), ([0, np.inf, 1], "inf"), ([0, np.nan, 1], "nan")])
def test_fractional_classes_are_rejected(path, labels, shown):
    changed(path, lambda content: content["test"].update(classification_labels=np.array(labels)))
    with pytest.raises(DataError, match=f"the label of row 8 is {shown}, expected a class number"):
        read(path, "mmsa", {"target": "classification"})


def write_mult(path, labels, ids=None):
    """Write a pickle of the MulT family with two samples per split; `labels` has the shape (2, ...)."""
    rng = np.random.default_rng(0)
    content = {}
    for part in ("train", "valid", "test"):
        content[part] = {name: rng.normal(size=(2, 3, n)).astype(np.float32) for name, n in SIZES.items()}
        content[part] |= {} if labels is None else {"labels": labels}
        content[part] |= {} if ids is None else {"id": np.array(ids(part), dtype=object)}
    path.write_bytes(pickle.dumps(content))
    return path


def test_mult_pickle_of_sentiment(tmp_path):
    def ids(part):
        return [[f"{part}_video", 0.0, 1.5], [f"{part}_video", 1.5, 3.0]]

    labels = np.array([[[-1.5]], [[2.0]]])
    data = read(write_mult(tmp_path / "mosi_data.pkl", labels, ids))
    assert data.target.kind == "regression"
    assert data.target.values.tolist() == [-1.5, 2.0] * 3
    assert data.sample_ids.tolist()[:2] == ["train_video_0.0_1.5", "train_video_1.5_3.0"]
    assert data.groups.tolist()[::2] == ["train_video", "valid_video", "test_video"]
    assert data.split.tolist() == [0, 0, 1, 1, 2, 2]
    unlabelled = read_for(write_mult(tmp_path / "new.pkl", None, ids), Expected(Schema.of(data)))
    assert unlabelled.target is None
    assert unlabelled.checksum() == replace(data, target=None).checksum()


def test_mult_pickle_of_emotions_without_ids(tmp_path):
    labels = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    data = read(write_mult(tmp_path / "iemocap_data.pkl", labels))
    assert data.target.kind == "multilabel"
    assert data.target.values.tolist() == [[0, 1], [1, 0]] * 3
    assert data.sample_ids.tolist() == [f"{part}_{row}" for part in ("train", "valid", "test") for row in (0, 1)]
    assert data.groups is None
    unlabelled = read_for(write_mult(tmp_path / "new.pkl", None), Expected(Schema.of(data)))
    assert unlabelled.target is None
    assert unlabelled.checksum() == replace(data, target=None).checksum()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.ones((2, 2, 2)), "row 0: expected 0 and 1, or 1 and 0, for each emotion"),
        (np.ones((2, 3)), r"shape \(2, 3\), expected \(n, 1, 1\) or \(n, n_emotions, 2\)"),
        (np.ones((3, 1, 1)), "expected numbers of 2 samples"),
    ],
)
def test_invalid_labels_of_mult_pickles(tmp_path, labels, message):
    with pytest.raises(DataError, match=f"bad.pkl: split 'train', key 'labels'.*{message}"):
        read(write_mult(tmp_path / "bad.pkl", labels, lambda part: [f"{part}1", f"{part}2"]))
