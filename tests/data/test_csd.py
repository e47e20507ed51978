"""Computational sequences: alignment to label intervals by the midpoint of each row, and errors for damaged files."""

import h5py
import numpy as np
import pytest

from redcore.data import Schema
from redcore.data.formats import Expected, csd, read, read_for
from redcore.exceptions import DataError, DataWarning, SettingsError


def spans(*pairs):
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def write(folder, stem, videos, root="sequence"):
    with h5py.File(folder / f"{stem}.csd", "w") as file:
        file.create_group(f"{root}/data")
        for video, (features, intervals) in videos.items():
            file[f"{root}/data/{video}/features"] = np.asarray(features)
            file[f"{root}/data/{video}/intervals"] = np.asarray(intervals)
        file[f"{root}/metadata/md5"] = ["null"]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "mosei"
    path.mkdir()
    write(
        path,
        "My_Labels",
        {"w": ([[-1.0, 3], [2.5, 0]], spans((0, 2), (2, 4))), "v": ([[0.0, 1]], spans((1, 2)))},
        "All Labels",
    )
    ticks = np.arange(4.0)
    write(path, "audio", {"w": (ticks[:, None], np.stack([ticks, ticks + 1], axis=1))}, "COVAREP")
    words = [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]
    write(path, "text", {"w": (words, spans((0, 0.4), (1, 3.2), (9, 9))), "v": (words[:1], spans((0, 3)))})
    return path


def assert_rejected(path, match, **options):
    with pytest.raises(DataError, match=match) as caught:
        read(path, "csd", options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message


def change(folder, stem, place, array):
    with h5py.File(folder / f"{stem}.csd", "a") as file:
        root = next(iter(file))
        if f"{root}/data/{place}" in file:
            del file[f"{root}/data/{place}"]
        if array is not None:
            file[f"{root}/data/{place}"] = array


def test_each_label_interval_is_a_sample(folder):
    data = read(folder)
    assert data.names == ("audio", "text")
    assert data.sample_ids.tolist() == ["v[0]", "w[0]", "w[1]"]
    assert data.groups.tolist() == ["v", "w", "w"]
    assert data.target.kind == "regression"
    assert data.target.values.tolist() == [0.0, -1.0, 2.5]
    assert data.split is None


def test_rows_are_assigned_by_their_midpoint(folder):
    data = read(folder)
    audio, text = data.modalities["audio"], data.modalities["text"]
    assert audio.availability.tolist() == [False, True, True]
    assert audio.values.ravel().tolist() == [0, 1, 2, 3]
    assert audio.lengths.tolist() == [2, 2]
    # (1, 3.2) crosses the border at 2 and has its midpoint after it; (9, 9) is outside all intervals
    assert text.availability.all()
    assert text.values.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]


def test_rows_are_sorted_by_time(folder):
    change(folder, "audio", "w/intervals", spans((3, 4), (2, 3), (1, 2), (0, 1)))
    assert read(folder).modalities["audio"].values.ravel().tolist() == [3, 2, 1, 0]


def test_assignment_of_rows_against_a_plain_loop():
    rng = np.random.default_rng(0)
    for _ in range(50):
        starts = rng.integers(0, 20, size=12) / 2
        intervals = np.stack([starts, starts + rng.integers(0, 4, size=12) / 2], axis=1)
        begins = rng.integers(0, 20, size=5) / 2
        labels = np.stack([begins, begins + rng.integers(1, 9, size=5) / 2], axis=1)
        for (start, end), rows in zip(labels, csd._assign_rows(intervals, labels), strict=True):
            expected = [row for row, span in enumerate(intervals) if start <= span.mean() < end]
            assert sorted(rows.tolist()) == expected


def test_unlabelled_video_is_ignored(folder):
    change(folder, "audio", "z/features", np.ones((1, 1)))
    change(folder, "audio", "z/intervals", spans((0, 1)))
    assert read(folder).n_samples == 3


def test_target_column_and_sign(folder):
    assert read(folder, options={"target_column": 1}).target.values.tolist() == [1.0, 3.0, 0.0]
    signs = read(folder, options={"task": "sign"}).target
    assert signs.classes.tolist() == ["negative", "zero", "positive"]
    assert signs.classes[signs.values].tolist() == ["zero", "negative", "positive"]
    assert_rejected(folder, "My_Labels.csd: video 'v': no label column 2, expected 0 to 1", target_column=2)
    for bad in ({"target_column": -1}, {"task": "guess"}, {"nonfinite": "drop"}, {"modalities": ""}):
        with pytest.raises(SettingsError):
            read(folder, options=bad)


def test_choice_of_label_and_modality_files(folder):
    assert read(folder, options={"modalities": "text"}).names == ("text",)
    # any file can be the labels or a modality
    data = read(folder, options={"labels": "audio", "modalities": "text,My_Labels"})
    assert data.names == ("My_Labels", "text")
    assert data.target.values.tolist() == [0, 1, 2, 3]
    assert_rejected(folder, "no file words.csd; files: My_Labels, audio, text", modalities="words")
    assert_rejected(folder, "no file marks.csd", labels="marks")
    write(folder, "more_labels", {})
    assert_rejected(folder, "expected one .csd file with labels")
    for stem in ("audio", "text", "more_labels"):
        (folder / f"{stem}.csd").unlink()
    assert_rejected(folder, "no .csd file except the labels My_Labels.csd")


def test_file_or_empty_folder_is_rejected(folder, tmp_path):
    assert_rejected(folder / "audio.csd", "expected one .csd file with labels")
    (tmp_path / "empty").mkdir()
    assert_rejected(tmp_path / "empty", "files: none")
    assert not csd.recognises(tmp_path / "empty")
    assert not csd.recognises(folder / "audio.csd")


@pytest.mark.parametrize("bad", [-np.inf, np.nan, 1e300])
def test_nonfinite_features(folder, bad):
    change(folder, "audio", "w/features", np.array([[0.0], [bad], [2], [3]]))
    assert_rejected(folder, r"audio.csd: video 'w', row 1, feature 0: .*nonfinite='zero'")
    data = read(folder, options={"nonfinite": "zero"})
    assert data.modalities["audio"].values.ravel().tolist() == [0, 0, 2, 3]


def test_invalid_labels(folder):
    change(folder, "My_Labels", "v/features", np.array([[np.nan, 0]]))
    assert_rejected(folder, "My_Labels.csd: video 'v', row 0: label nan, expected a finite number")
    for bad in ((2, 1), (1, 1)):
        change(folder, "My_Labels", "v/features", np.array([[1.0, 0]]))
        change(folder, "My_Labels", "v/intervals", spans(bad))
        assert_rejected(folder, "video 'v', row 0: label interval .*, expected start < end")
    change(folder, "My_Labels", "v/intervals", spans((0, np.inf)))
    assert_rejected(folder, "video 'v', row 0: interval .*, expected finite seconds")


def test_error_names_file_and_video_of_invalid_arrays(folder):
    change(folder, "text", "w/intervals", spans((0, 1)))
    assert_rejected(folder, r"text.csd: video 'w': intervals of shape \(1, 2\), expected \(3, 2\)")
    change(folder, "text", "w/intervals", None)
    assert_rejected(folder, "text.csd: video 'w': no intervals")
    change(folder, "text", "w/features", None)
    assert_rejected(folder, "text.csd: video 'w': no features")
    change(folder, "text", "w/intervals", spans((0, 1)))
    change(folder, "text", "w/features", np.ones((1, 2)))
    assert_rejected(folder, "text.csd: video 'w' has 2 features, expected 3 as before")
    change(folder, "text", "w/features", np.array([[b"word"]]))
    assert_rejected(folder, "text.csd: .*features.*expected real numbers")
    change(folder, "text", "w", np.ones(3))
    assert_rejected(folder, "text.csd: .*the parent of 'features' is not a group")


def test_invalid_layouts(folder):
    write(folder, "audio", {}, "other")
    data = read(folder)
    assert data.modalities["audio"].n_observed == 0
    with h5py.File(folder / "audio.csd", "a") as file:
        file.create_group("second")
    assert_rejected(folder, "audio.csd: 2 top-level groups, expected one")
    with h5py.File(folder / "audio.csd", "w") as file:
        file["sequence"] = np.ones(3)
    assert_rejected(folder, "audio.csd: 'sequence/data': the parent of 'data' is not a group")
    with h5py.File(folder / "audio.csd", "w") as file:
        file.create_group("sequence")
    assert_rejected(folder, "audio.csd: 'sequence/data': no such group")
    write(folder, "audio", {}, "line\nbreak")
    assert_rejected(folder, "the name 'line.nbreak' is not printable text")
    write(folder, "My_Labels", {})
    assert_rejected(folder, "My_Labels.csd: contains no label interval")


def test_links_to_other_files_are_not_followed(folder):
    for link in (h5py.ExternalLink("text.csd", "/sequence/data/w"), h5py.SoftLink("/COVAREP")):
        change(folder, "audio", "w", link)
        assert_rejected(folder, "audio.csd: .*'w' is a soft or external link")


def test_repetition_of_rows_by_overlapping_labels_is_limited(folder, monkeypatch):
    monkeypatch.setattr(csd, "ALWAYS_ALLOWED_ROWS", 10)
    many = np.tile([0.0, 4.0], (40, 1))
    change(folder, "My_Labels", "w/features", np.ones((40, 2)))
    change(folder, "My_Labels", "w/intervals", many)
    assert_rejected(folder, "audio.csd: video 'w': its label intervals overlap more than 16 times")


def test_without_a_label_file_every_video_is_a_sample(folder):
    schema = Schema.of(read(folder))
    (folder / "My_Labels.csd").unlink()
    with pytest.warns(DataWarning, match=r"no .csd file with labels and their intervals: every video is one sample"):
        data = read_for(folder, Expected(schema, data_format="csd"))
    assert data.target is None
    assert data.sample_ids.tolist() == ["v", "w"]
    assert data.availability.tolist() == [[False, True], [True, True]]
    assert data.modalities["audio"].values.ravel().tolist() == [0, 1, 2, 3]
    assert data.modalities["text"].lengths.tolist() == [1, 3]
    with pytest.raises(DataError, match=r"expected one .csd file with labels"):
        read_for(folder, Expected(schema, needs_target=True, data_format="csd"))
