"""HDF5 folders of the MMIN family: both encodings of labels, missing utterances, and errors for damaged files."""

import builtins
import shutil
import zlib
from dataclasses import replace

import h5py
import numpy as np
import pytest

from redcore.data import Schema
from redcore.data.formats import Expected, _hdf5, mmin, read, read_for
from redcore.datasets._sample_files import write_tree
from redcore.exceptions import DataError, NonFiniteError, SettingsError

WIDTHS = {"audio": 3, "text": 4, "video": 2}
NAMES = [f"u{row}" for row in range(8)]


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "tree", dict(zip(NAMES, [0, 1, 2, 0, 1, 2, 0, 1], strict=True)), 3, n_features=WIDTHS)


@pytest.fixture
def plain_tree(tmp_path):
    return write_tree(
        tmp_path / "plain",
        dict(zip(NAMES, [0, 1, 2, 0, 1, 2, 0, 1], strict=True)),
        3,
        n_features=WIDTHS,
        audio="comparE_raw",
        one_hot=False,
    )


def assert_rejected(path, match, **options):
    with pytest.raises(DataError, match=match) as caught:
        read(path, "mmin", options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def rewrite(tree, file, **arrays):
    """Replace arrays of one feature file."""
    with h5py.File(tree / file, "a") as opened:
        for name, array in arrays.items():
            if name in opened:
                del opened[name]
            if array is not None:
                opened[name] = array


def relabel(tree, part="trn", **arrays):
    for name, array in arrays.items():
        np.save(tree / "target" / "1" / f"{part}_{name}.npy", array)


def test_content(tree):
    data = read(tree)
    assert data.names == ("audio", "text", "video")
    # the first fold tests on the first utterance and validates on the second
    assert data.sample_ids.tolist() == [*NAMES[2:], "u1", "u0"]
    assert data.split.tolist() == [0] * 6 + [1, 2]
    assert data.target.values.tolist() == [2, 0, 1, 2, 0, 1, 1, 0]
    assert data.target.classes.tolist() == [0, 1, 2]
    missing = ~data.availability
    assert data.sample_ids[missing[:, 1]].tolist() == ["u1"]
    assert data.sample_ids[missing[:, 2]].tolist() == ["u2"]
    assert not missing[:, 0].any()
    with h5py.File(tree / "A" / "comparE.h5") as file:
        expected = np.concatenate([file[name][()] for name in data.sample_ids])
        lengths = [len(file[name]) for name in data.sample_ids]
    assert np.array_equal(data.modalities["audio"].values, expected)
    assert data.modalities["audio"].lengths.tolist() == lengths


def test_other_fold(tree):
    data = read(tree, options={"fold": "2"})
    assert data.part("validation").sample_ids.tolist() == ["u0"]
    assert data.part("test").sample_ids.tolist() == ["u1"]


def test_both_encodings_of_labels_are_equivalent(tree, plain_tree):
    one_hot, plain = read(tree), read(plain_tree)
    assert np.load(tree / "target/1/trn_int2name.npy").shape == (6, 1)
    assert np.load(tree / "target/1/trn_int2name.npy").dtype.kind == "S"
    assert np.load(plain_tree / "target/1/trn_int2name.npy").shape == (6,)
    assert one_hot.checksum() == plain.checksum()


def test_class_names(tree, plain_tree):
    for path in (tree, plain_tree):
        data = read(path, options={"class_names": "low, middle, high"})
        assert data.target.classes.tolist() == ["low", "middle", "high"]
        assert data.target.classes[data.target.values].tolist()[:3] == ["high", "low", "middle"]
        assert_rejected(path, "labels of 3 classes in folder target, but 2 class_names", class_names="a,b")
    # with class numbers, classes may exist that do not occur
    assert len(read(plain_tree, options={"class_names": "a,b,c,d"}).target.classes) == 4
    assert_rejected(tree, "labels of 3 classes", class_names="a,b,c,d")


def test_audio_is_standardised_with_the_statistics_of_the_fold(tree):
    audio = read(tree, options={"normalise_audio": True}).part("train").modalities["audio"].values
    assert np.abs(audio.mean(axis=0)).max() < 1e-6
    assert np.abs(audio.std(axis=0) - 1).max() < 1e-6


def test_invalid_statistics_of_the_fold(tree, plain_tree):
    assert_rejected(plain_tree, r"A/comparE_raw_mean_std.h5: no such file", normalise_audio=True)
    with h5py.File(tree / "A" / "comparE_mean_std.h5", "a") as file:
        file["1/std"][0] = 0.0
        del file["2"]
    assert_rejected(
        tree, "invalid mean or std of fold 1, expected finite numbers of equal length, std > 0", normalise_audio=True
    )
    assert_rejected(tree, "no mean and std of fold 2", normalise_audio=True, fold=2)
    with h5py.File(tree / "A" / "comparE_mean_std.h5", "w") as file:
        file["1/mean"], file["1/std"] = np.zeros(5), np.ones(5)
    assert_rejected(tree, "mean and std have 5 features, expected 3 as audio", normalise_audio=True)
    shutil.rmtree(tree / "A")
    assert_rejected(tree, "needs an audio file", normalise_audio=True)


def test_frames_of_zeros_are_not_changed(tree):
    rewrite(tree, "V/denseface.h5", u3=np.zeros((2, 2)))
    data = read(tree)
    video = data.take([data.sample_ids.tolist().index("u3")]).modalities["video"]
    assert video.availability.all()
    assert video.values.tolist() == [[0, 0], [0, 0]]


def test_modality_without_file_is_left_out_but_one_is_required(tree):
    shutil.rmtree(tree / "V")
    assert read(tree).names == ("audio", "text")
    (tree / "L" / "bert_large.h5").unlink()
    (tree / "A" / "comparE.h5").unlink()
    assert_rejected(tree, "contains no feature file; expected at least one of A/comparE.h5")


def test_other_feature_files_by_name(tree):
    shutil.move(tree / "V" / "denseface.h5", tree / "V" / "faces.v2.h5")
    assert "video" not in read(tree).names
    assert read(tree, options={"video": "faces.v2"}).names == ("audio", "text", "video")
    assert_rejected(tree, "V/faces.h5: no such file, requested by option video", video="faces")
    with pytest.raises(SettingsError, match="video"):
        read(tree, options={"video": "../V/faces"})


def test_unknown_fold(tree):
    assert_rejected(tree, "no fold 3 in folder target; folds: 1, 2", fold=3)
    with pytest.raises(SettingsError, match="fold"):
        read(tree, options={"fold": 0})
    shutil.rmtree(tree / "target")
    (tree / "target").mkdir()
    assert_rejected(tree, "folds: none")


def test_invalid_labels(tree):
    message = "trn_label.npy: the label of row 1 is"
    relabel(tree, label=np.array([[1, 0, 0], [1, 1, 0], *[[0, 0, 1]] * 4]))
    assert_rejected(tree, rf"{message} \[1, 1, 0\], expected a one-hot row")
    relabel(tree, label=np.array([[1, 0, 0], [0.5, 0.5, 0], *[[0, 0, 1]] * 4]))
    assert_rejected(tree, message)
    relabel(tree, label=np.zeros((5, 3)))
    assert_rejected(tree, "trn_label.npy: 5 labels, expected 6")
    relabel(tree, label=np.eye(4)[[0] * 6])
    assert_rejected(tree, "labels of different shapes")
    for bad in (-1, 0.5, np.nan, np.inf, 2.0**40):
        relabel(tree, label=np.array([0, bad, 1, 1, 1, 1]))
        assert_rejected(tree, f"{message} .*expected a class number from 0")
    for shape in ((6, 0), (6, 2, 2), ()):
        relabel(tree, label=np.zeros(shape))
        assert_rejected(tree, "trn_label.npy: .*expected class numbers or one-hot rows")
    relabel(tree, label=np.array(["a"] * 6))
    assert_rejected(tree, "expected class numbers or one-hot rows")


def test_class_numbers_may_be_a_column(plain_tree):
    for part in ("trn", "val", "tst"):
        relabel(plain_tree, part, label=np.load(plain_tree / "target/1" / f"{part}_label.npy")[:, None])
    assert read(plain_tree).target.values.tolist() == [2, 0, 1, 2, 0, 1, 1, 0]


def test_invalid_ids(tree):
    ids = np.load(tree / "target/1/trn_int2name.npy")
    for bad in ("a/b", "..", ".", "", "a\nb", "a\ud800"):
        names = np.array([bad, *NAMES[3:]])
        relabel(tree, int2name=names)
        assert_rejected(tree, "trn_int2name.npy: row 0: .* cannot be an utterance id")
    relabel(tree, int2name=np.array([[b"\xff\xfe"], *ids[1:]]))
    assert_rejected(tree, "not UTF-8 text")
    relabel(tree, int2name=np.array(["u2", "u2", *NAMES[4:]]))
    assert_rejected(tree, "sample id 'u2' occurs 2 times")
    relabel(tree, int2name=np.array([["u2", "u3"]] * 6))
    assert_rejected(tree, "expected one text per utterance")
    relabel(tree, int2name=np.arange(6))
    assert_rejected(tree, "expected one text per utterance")


def test_pickled_arrays_are_rejected_without_execution(tree):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tree / "made"), "w"))

    np.save(tree / "target/1/trn_int2name.npy", np.array([Bomb()] * 6), allow_pickle=True)
    assert_rejected(tree, "trn_int2name.npy: not a readable NumPy array")
    assert not (tree / "made").exists()


def test_declared_sizes_of_npy_files_are_not_trusted(tree):
    path = tree / "target/1/trn_label.npy"
    for dtype, shape in (("<f8", (2**40, 3)), ("|S0", (2**40,)), ("<f8", (-1,)), ("<f8", (2**70,))):
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
            file.write(bytes(64))
        assert_rejected(tree, "trn_label.npy: ")


def test_empty_split_is_allowed(tree):
    relabel(tree, "val", label=np.zeros((0, 3)), int2name=np.zeros((0, 1), dtype="S3"))
    data = read(tree)
    assert data.split.tolist() == [0] * 6 + [2]


def test_missing_target_files(tree):
    for part in mmin.PARTS:
        path = tree / "target" / "1" / f"{part}_label.npy"
        content = path.read_bytes()
        path.unlink()
        assert_rejected(tree, f"{part}_label.npy: not a readable NumPy array: absent")
        path.write_bytes(content)


def test_error_names_file_and_utterance_of_invalid_arrays(tree):
    for bad, match in (
        (np.zeros(3), r"shape \(3,\), expected \(n, n_features\)"),
        (np.zeros((2, 3, 1)), "shape"),
        (np.zeros((2, 0)), "shape"),
        (np.array([[b"a", b"b", b"c"]]), "expected real numbers"),
        (np.array([["a", "b", "c"]], dtype=h5py.string_dtype()), "expected real numbers"),
        (np.zeros((2, 3), dtype=complex), "expected real numbers"),
        (np.zeros((2, 3), dtype=[("x", "f4")]), "expected real numbers"),
        (h5py.Empty("f4"), "shape None"),
    ):
        rewrite(tree, "A/comparE.h5", u4=bad)
        assert "A/comparE.h5: 'u4'" in assert_rejected(tree, match)
    rewrite(tree, "A/comparE.h5", u4=None)
    with h5py.File(tree / "A/comparE.h5", "a") as file:
        file.create_dataset("u4", (2, 3), dtype=h5py.ref_dtype)
    assert_rejected(tree, "'u4': type object, expected real numbers")
    rewrite(tree, "A/comparE.h5", u4=np.zeros((2, 5)))
    assert_rejected(tree, "modality 'audio', row 2, utterance 'u4' has 5 features, expected 3 as before")
    rewrite(tree, "A/comparE.h5", u4=None)
    with h5py.File(tree / "A/comparE.h5", "a") as file:
        file.create_group("u4")
    assert_rejected(tree, "A/comparE.h5: 'u4': a group, expected an array")


@pytest.mark.parametrize("bad", [np.inf, 1e300])
def test_nonfinite_values(tree, bad):
    rewrite(tree, "L/bert_large.h5", u4=np.array([[0, 0, bad, 0.0]]))
    with pytest.raises(NonFiniteError, match=r"modality 'text', row 2, feature 2"):
        read(tree)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">f8", "i1", "<u8", "?"])
def test_any_real_type_is_read(tree, dtype):
    rewrite(tree, "V/denseface.h5", **{name: np.ones((2, 2), dtype=dtype) for name in NAMES})
    assert read(tree).modalities["video"].values.dtype == np.float32
    assert (read(tree).modalities["video"].values == 1).all()


def test_other_files_are_not_read(tree, tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["u4"] = np.ones((2, 3))
    (tmp_path / "secret.bin").write_bytes(np.ones((2, 3), dtype=np.float32).tobytes())
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(secret, "u4", (2, 3))
    path = tree / "A/comparE.h5"
    for link in (h5py.ExternalLink(secret, "u4"), h5py.SoftLink("/u5"), h5py.SoftLink("/nowhere")):
        rewrite(tree, "A/comparE.h5", u4=link)
        assert_rejected(tree, "'u4' is a soft or external link; links are not followed")
    with h5py.File(path, "a") as file:
        del file["u4"]
        file.create_virtual_dataset("u4", layout)
    assert_rejected(tree, "'u4': the values are stored in other files")
    with h5py.File(path, "a") as file:
        del file["u4"]
        file.create_dataset("u4", (2, 3), "f4", external=[(str(tmp_path / "secret.bin"), 0, 24)])
    assert_rejected(tree, "'u4': the values are stored in other files")


def test_declared_shapes_of_hdf5_arrays_are_not_trusted(tree):
    path = tree / "A/comparE.h5"
    for shape, chunks in (((2**40, 3), None), ((2**40, 3), (1, 3)), ((2, 3), (2**20, 2**8))):
        with h5py.File(path, "a") as file:
            file.pop("u4", None)
            file.create_dataset("u4", shape, "f4", chunks=chunks, maxshape=(None, None) if chunks else None)
        assert_rejected(tree, "'u4': declares [0-9]+ bytes, too many for a file of this size")


def test_total_of_declared_bytes_is_limited(tree):
    with h5py.File(tree / "V/denseface.h5", "w") as file:
        file.create_dataset("u0", (2**21, 2), "f4")
        for name in NAMES[1:]:
            file[name] = file["u0"]
    assert_rejected(tree, "too many for a file of this size")


def test_compressed_arrays_are_read_and_decompression_bombs_rejected(tree, monkeypatch):
    path = tree / "A/comparE.h5"
    with h5py.File(path, "a") as file:
        del file["u4"]
        file.create_dataset("u4", data=np.ones((50, 3), "f4"), compression="gzip", shuffle=True, fletcher32=True)
    assert read(tree).n_samples == 8
    # simulate a large chunk
    monkeypatch.setattr(_hdf5, "MAX_GZIP_RATIO", 2**40)
    assert read(tree).n_samples == 8
    with h5py.File(path, "a") as file:
        del file["u4"]
        bomb = file.create_dataset("u4", (20, 3), "f4", chunks=(20, 3), compression="gzip")
        bomb.id.write_direct_chunk((0, 0), zlib.compress(bytes(10**5)))
    assert_rejected(tree, "a chunk decompresses to more than the declared 240 bytes")
    # also if a filter other than gzip was skipped
    with h5py.File(path, "a") as file:
        del file["u4"]
        bomb = file.create_dataset("u4", (20, 3), "f4", chunks=(20, 3), compression="gzip", shuffle=True)
        bomb.id.write_direct_chunk((0, 0), zlib.compress(bytes(10**5)), filter_mask=1)
    assert_rejected(tree, "a chunk decompresses to more than the declared 240 bytes")
    with h5py.File(path, "a") as file:
        file["u4"].id.write_direct_chunk((0, 0), bytes(10**4))
    assert_rejected(tree, "a chunk of 240 bytes takes 10000 bytes compressed")
    with h5py.File(path, "a") as file:
        file["u4"].id.write_direct_chunk((0, 0), b"no gzip")
    assert_rejected(tree, "'u4': not readable as HDF5")


def test_other_filters_are_rejected(tree):
    with h5py.File(tree / "A/comparE.h5", "a") as file:
        del file["u4"]
        file.create_dataset("u4", data=np.ones((20, 3)), compression="lzf")
    assert_rejected(tree, "'u4': compressed with filters .*expected some of")


def test_error_without_h5py_names_the_remedy(tree, monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name == "h5py":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert_rejected(tree, r"reading HDF5 needs h5py: pip install 'redcore\[hdf5\]'")


def test_file_or_other_folder_is_rejected(tmp_path):
    assert_rejected(tmp_path, "no fold 1")
    (tmp_path / "file").write_bytes(b"")
    assert_rejected(tmp_path / "file", "no fold 1")
    assert not mmin.recognises(tmp_path)


def test_without_the_folder_target_all_utterances_are_samples(tree):
    labelled = read(tree)
    schema = Schema.of(labelled)
    shutil.rmtree(tree / "target")
    data = read_for(tree, Expected(schema, data_format="mmin"))
    assert (data.target, data.split) == (None, None)
    assert data.sample_ids.tolist() == NAMES
    order = [NAMES.index(name) for name in labelled.sample_ids.tolist()]
    assert data.take(order).checksum() == replace(labelled, target=None).checksum()
    with pytest.raises(DataError):
        read_for(tree, Expected(schema, needs_target=True, data_format="mmin"))
    with pytest.raises(DataError):
        read(tree)
