"""The HDF5 folders of the MMIN family: both forms of labels, missing utterances, and every damage named."""

import builtins
import shutil
import zlib

import h5py
import numpy as np
import pytest

from redcore.data.formats import _hdf5, mmin, read
from redcore.exceptions import DataError, NonFiniteError, SettingsError
from samples.formats.mmin import write_tree

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


def refused(path, match, **options):
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


def test_what_is_in_the_files_is_what_is_read(tree):
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


def test_the_other_fold(tree):
    data = read(tree, options={"fold": "2"})
    assert data.part("validation").sample_ids.tolist() == ["u0"]
    assert data.part("test").sample_ids.tolist() == ["u1"]


def test_both_forms_of_labels_say_the_same(tree, plain_tree):
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
        refused(path, "labels of 3 classes in its folder target, but 2 class_names", class_names="a,b")
    # numbers leave open that there are more classes than occur
    assert len(read(plain_tree, options={"class_names": "a,b,c,d"}).target.classes) == 4
    refused(tree, "labels of 3 classes", class_names="a,b,c,d")


def test_audio_is_normalised_by_the_numbers_of_the_fold(tree):
    audio = read(tree, options={"normalise_audio": True}).part("train").modalities["audio"].values
    assert np.abs(audio.mean(axis=0)).max() < 1e-6
    assert np.abs(audio.std(axis=0) - 1).max() < 1e-6


def test_normalising_needs_usable_numbers(tree, plain_tree):
    refused(plain_tree, r"A/comparE_raw_mean_std.h5: no such file", normalise_audio=True)
    with h5py.File(tree / "A" / "comparE_mean_std.h5", "a") as file:
        file["1/std"][0] = 0.0
        del file["2"]
    refused(tree, "mean and std of fold 1 are not finite numbers, std above 0", normalise_audio=True)
    refused(tree, "no mean and std of fold 2", normalise_audio=True, fold=2)
    with h5py.File(tree / "A" / "comparE_mean_std.h5", "w") as file:
        file["1/mean"], file["1/std"] = np.zeros(5), np.ones(5)
    refused(tree, "audio has 3 features, its mean and std 5", normalise_audio=True)
    shutil.rmtree(tree / "A")
    refused(tree, "there is no audio", normalise_audio=True)


def test_frames_of_zeros_stay_as_they_are(tree):
    rewrite(tree, "V/denseface.h5", u3=np.zeros((2, 2)))
    data = read(tree)
    video = data.take([data.sample_ids.tolist().index("u3")]).modalities["video"]
    assert video.availability.all()
    assert video.values.tolist() == [[0, 0], [0, 0]]


def test_a_modality_without_file_is_left_out_and_one_is_needed(tree):
    shutil.rmtree(tree / "V")
    assert read(tree).names == ("audio", "text")
    (tree / "L" / "bert_large.h5").unlink()
    (tree / "A" / "comparE.h5").unlink()
    refused(tree, "holds no feature file; expected at least one of A/comparE.h5")


def test_other_feature_files_by_name(tree):
    shutil.move(tree / "V" / "denseface.h5", tree / "V" / "faces.v2.h5")
    assert "video" not in read(tree).names
    assert read(tree, options={"video": "faces.v2"}).names == ("audio", "text", "video")
    refused(tree, "V/faces.h5: no such file, asked for by option video", video="faces")
    with pytest.raises(SettingsError, match="video"):
        read(tree, options={"video": "../V/faces"})


def test_unknown_fold(tree):
    refused(tree, "no fold 3 in its folder target; folds: 1, 2", fold=3)
    with pytest.raises(SettingsError, match="fold"):
        read(tree, options={"fold": 0})
    shutil.rmtree(tree / "target")
    (tree / "target").mkdir()
    refused(tree, "folds: none")


def test_labels_that_do_not_fit(tree):
    refused_label = "trn_label.npy: the label of row 1 is"
    relabel(tree, label=np.array([[1, 0, 0], [1, 1, 0], *[[0, 0, 1]] * 4]))
    refused(tree, rf"{refused_label} \[1, 1, 0\], expected one 1 among zeros")
    relabel(tree, label=np.array([[1, 0, 0], [0.5, 0.5, 0], *[[0, 0, 1]] * 4]))
    refused(tree, refused_label)
    relabel(tree, label=np.zeros((5, 3)))
    refused(tree, "trn_label.npy: 5 labels for 6 utterance ids")
    relabel(tree, label=np.eye(4)[[0] * 6])
    refused(tree, "labels of different form")
    for bad in (-1, 0.5, np.nan, np.inf, 2.0**40):
        relabel(tree, label=np.array([0, bad, 1, 1, 1, 1]))
        refused(tree, f"{refused_label} .*expected a class number from 0")
    for shape in ((6, 0), (6, 2, 2), ()):
        relabel(tree, label=np.zeros(shape))
        refused(tree, "trn_label.npy: .*expected class numbers or one-hot rows")
    relabel(tree, label=np.array(["a"] * 6))
    refused(tree, "expected class numbers or one-hot rows")


def test_class_numbers_may_be_a_column(plain_tree):
    for part in ("trn", "val", "tst"):
        relabel(plain_tree, part, label=np.load(plain_tree / "target/1" / f"{part}_label.npy")[:, None])
    assert read(plain_tree).target.values.tolist() == [2, 0, 1, 2, 0, 1, 1, 0]


def test_ids_that_do_not_fit(tree):
    ids = np.load(tree / "target/1/trn_int2name.npy")
    for bad in ("a/b", "..", ".", "", "a\nb", "a\ud800"):
        names = np.array([bad, *NAMES[3:]])
        relabel(tree, int2name=names)
        refused(tree, "trn_int2name.npy: row 0: .* cannot be an utterance id")
    relabel(tree, int2name=np.array([[b"\xff\xfe"], *ids[1:]]))
    refused(tree, "not text in UTF-8")
    relabel(tree, int2name=np.array(["u2", "u2", *NAMES[4:]]))
    refused(tree, "sample id 'u2' occurs 2 times")
    relabel(tree, int2name=np.array([["u2", "u3"]] * 6))
    refused(tree, "expected one text per utterance")
    relabel(tree, int2name=np.arange(6))
    refused(tree, "expected one text per utterance")


def test_pickled_arrays_are_refused_unopened(tree):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tree / "made"), "w"))

    np.save(tree / "target/1/trn_int2name.npy", np.array([Bomb()] * 6), allow_pickle=True)
    refused(tree, "trn_int2name.npy: no readable NumPy array")
    assert not (tree / "made").exists()


def test_sizes_that_an_array_file_declares_are_not_trusted(tree):
    path = tree / "target/1/trn_label.npy"
    for dtype, shape in (("<f8", (2**40, 3)), ("|S0", (2**40,)), ("<f8", (-1,)), ("<f8", (2**70,))):
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
            file.write(bytes(64))
        refused(tree, "trn_label.npy: ")


def test_an_empty_part_is_no_error(tree):
    relabel(tree, "val", label=np.zeros((0, 3)), int2name=np.zeros((0, 1), dtype="S3"))
    data = read(tree)
    assert data.split.tolist() == [0] * 6 + [2]


def test_missing_target_files(tree):
    for part in mmin.PARTS:
        path = tree / "target" / "1" / f"{part}_label.npy"
        content = path.read_bytes()
        path.unlink()
        refused(tree, f"{part}_label.npy: no readable NumPy array: absent")
        path.write_bytes(content)


def test_arrays_that_do_not_fit_are_named_by_file_and_utterance(tree):
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
        assert "A/comparE.h5: 'u4'" in refused(tree, match)
    rewrite(tree, "A/comparE.h5", u4=None)
    with h5py.File(tree / "A/comparE.h5", "a") as file:
        file.create_dataset("u4", (2, 3), dtype=h5py.ref_dtype)
    refused(tree, "'u4': type object, expected real numbers")
    rewrite(tree, "A/comparE.h5", u4=np.zeros((2, 5)))
    refused(tree, "modality 'audio', row 2, utterance 'u4' has 5 features, those before it 3")
    rewrite(tree, "A/comparE.h5", u4=None)
    with h5py.File(tree / "A/comparE.h5", "a") as file:
        file.create_group("u4")
    refused(tree, "A/comparE.h5: 'u4': a group, expected an array")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite(tree, bad):
    rewrite(tree, "L/bert_large.h5", u4=np.array([[0, 0, bad, 0.0]]))
    with pytest.raises(NonFiniteError, match=r"modality 'text', row 2, feature 2"):
        read(tree)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">f8", "i1", "<u8", "?"])
def test_any_real_type_is_read(tree, dtype):
    rewrite(tree, "V/denseface.h5", **{name: np.ones((2, 2), dtype=dtype) for name in NAMES})
    assert read(tree).modalities["video"].values.dtype == np.float32
    assert (read(tree).modalities["video"].values == 1).all()


def test_nothing_outside_the_file_is_read(tree, tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["u4"] = np.ones((2, 3))
    (tmp_path / "secret.bin").write_bytes(np.ones((2, 3), dtype=np.float32).tobytes())
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(secret, "u4", (2, 3))
    path = tree / "A/comparE.h5"
    for link in (h5py.ExternalLink(secret, "u4"), h5py.SoftLink("/u5"), h5py.SoftLink("/nowhere")):
        rewrite(tree, "A/comparE.h5", u4=link)
        refused(tree, "'u4' is a soft or external link, which are not followed")
    with h5py.File(path, "a") as file:
        del file["u4"]
        file.create_virtual_dataset("u4", layout)
    refused(tree, "'u4': the values are kept in other files")
    with h5py.File(path, "a") as file:
        del file["u4"]
        file.create_dataset("u4", (2, 3), "f4", external=[(str(tmp_path / "secret.bin"), 0, 24)])
    refused(tree, "'u4': the values are kept in other files")


def test_declared_shapes_are_not_trusted(tree):
    path = tree / "A/comparE.h5"
    for shape, chunks in (((2**40, 3), None), ((2**40, 3), (1, 3)), ((2, 3), (2**20, 2**8))):
        with h5py.File(path, "a") as file:
            file.pop("u4", None)
            file.create_dataset("u4", shape, "f4", chunks=chunks, maxshape=(None, None) if chunks else None)
        refused(tree, "'u4': declares [0-9]+ bytes, more than a file of this size can honestly hold")


def test_many_small_declarations_add_up(tree):
    with h5py.File(tree / "V/denseface.h5", "w") as file:
        file.create_dataset("u0", (2**21, 2), "f4")
        for name in NAMES[1:]:
            file[name] = file["u0"]
    refused(tree, "more than a file of this size can honestly hold")


def test_packed_arrays_are_read_and_bombs_are_not(tree, monkeypatch):
    path = tree / "A/comparE.h5"
    with h5py.File(path, "a") as file:
        del file["u4"]
        file.create_dataset("u4", data=np.ones((50, 3), "f4"), compression="gzip", shuffle=True, fletcher32=True)
    assert read(tree).n_samples == 8
    # as if the chunk were a large one
    monkeypatch.setattr(_hdf5, "MAX_GZIP_RATIO", 2**40)
    assert read(tree).n_samples == 8
    with h5py.File(path, "a") as file:
        del file["u4"]
        bomb = file.create_dataset("u4", (20, 3), "f4", chunks=(20, 3), compression="gzip")
        bomb.id.write_direct_chunk((0, 0), zlib.compress(bytes(10**5)))
    refused(tree, "a chunk unpacks to more than the 240 bytes that it declares")
    # nor if a filter other than gzip was left out
    with h5py.File(path, "a") as file:
        del file["u4"]
        bomb = file.create_dataset("u4", (20, 3), "f4", chunks=(20, 3), compression="gzip", shuffle=True)
        bomb.id.write_direct_chunk((0, 0), zlib.compress(bytes(10**5)), filter_mask=1)
    refused(tree, "a chunk unpacks to more than the 240 bytes that it declares")
    with h5py.File(path, "a") as file:
        file["u4"].id.write_direct_chunk((0, 0), bytes(10**4))
    refused(tree, "a chunk of 240 bytes takes 10000 bytes packed")
    with h5py.File(path, "a") as file:
        file["u4"].id.write_direct_chunk((0, 0), b"foreign")
    refused(tree, "'u4': not readable as HDF5")


def test_other_filters_are_refused(tree):
    with h5py.File(tree / "A/comparE.h5", "a") as file:
        del file["u4"]
        file.create_dataset("u4", data=np.ones((20, 3)), compression="lzf")
    refused(tree, "'u4': packed by filters .*expected some of")


def test_without_h5py_the_remedy_is_named(tree, monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name == "h5py":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    refused(tree, r"reading HDF5 needs h5py: pip install 'redcore\[hdf5\]'")


def test_a_file_or_another_folder_is_refused(tmp_path):
    refused(tmp_path, "no fold 1")
    (tmp_path / "file").write_bytes(b"")
    refused(tmp_path / "file", "no fold 1")
    assert not mmin.recognises(tmp_path)
