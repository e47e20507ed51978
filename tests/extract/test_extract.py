"""From a folder of recordings to a store: samples, labels, broken files, provenance, resuming."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from redcore.data.store import Store
from redcore.exceptions import (
    DataError,
    DataWarning,
    JoinWarning,
    PlugInError,
    RunError,
    SettingsError,
    UnknownNameError,
)
from redcore.extract import Labels, extract, load_recipes, scan
from samples.recordings import write_image, write_recordings, write_text

LIGHT = {"audio": "logmel", "image": "colour", "sensor": "windows", "text": "tfidf"}
"""One extractor per medium, all of which are fast."""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("recordings") / "r", ("audio", "image", "sensor", "text"), 6)


@pytest.fixture(scope="module")
def extracted(recordings, tmp_path_factory):
    """Return the store and the report of all recordings."""
    store = tmp_path_factory.mktemp("stores") / "store"
    return store, extract(recordings, store, LIGHT, labels=recordings / "labels.csv")


@pytest.fixture
def folder(recordings, tmp_path):
    """Return a copy of the recordings, to be changed."""
    return Path(shutil.copytree(recordings, tmp_path / "copy"))


def content_of(store):
    return {path.name: path.read_bytes() for path in store.iterdir()}


def test_a_store_has_samples_labels_and_features(extracted):
    store, report = extracted
    data = Store(store).read()
    assert data.sample_ids.tolist() == [f"s{k}" for k in range(6)]
    assert data.target.classes[data.target.values].tolist() == ["bad", "good"] * 3
    assert data.split.tolist() == [0, 0, 0, 0, 2, 2]
    assert data.availability.all()
    assert data.modalities["audio"].is_sequence
    assert not data.modalities["text"].is_sequence
    assert data.feature_names["sensor"] == ("x", "y")
    assert report.n_files == 24
    assert report.broken == ()
    assert list(store.parent.iterdir()) == [store]


def test_the_provenance_of_every_modality_is_stored(extracted, recordings):
    store, _ = extracted
    content = json.loads((store / "extraction.json").read_text())
    assert content["folder"] == recordings.name
    audio, text = content["modalities"]["audio"], content["modalities"]["text"]
    assert (audio["extractor"], audio["sampling_rate"], audio["is_sequence"]) == ("logmel", 16_000, True)
    assert audio["alignment"] == "one vector per 10 ms, over 25 ms"
    assert audio["options"]["n_mels"] == audio["n_features"] == 80
    assert set(audio["packages"]) == {"av", "numpy"}
    assert text["fitted_on"] == {"split": "train", "n_recordings": 4}
    with (store / "files.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 24
    assert rows[0]["file"] == "s0.wav"
    assert Store(store).card.origin.sha256 == content["files_sha256"]


def test_a_sample_without_a_file_misses_the_modality(folder, tmp_path):
    (folder / "s1.wav").unlink()
    (folder / "s2.txt").unlink()
    extract(folder, tmp_path / "store", LIGHT, labels=folder / "labels.csv")
    data = Store(tmp_path / "store").read()
    missing = [(data.sample_ids[row], data.names[column]) for row, column in np.argwhere(~data.availability)]
    assert missing == [("s1", "audio"), ("s2", "text")]


def test_a_broken_file_is_reported_and_the_others_are_extracted(folder, tmp_path, extracted):
    (folder / "s1.wav").write_bytes((folder / "s1.wav").read_bytes()[:3000])
    (folder / "s2.png").write_bytes(b"no image")
    (folder / "s3.csv").write_text("x,y,z\n1,2,3\n4,5,6\n")
    (folder / "s4.txt").write_text(" \n")
    report = extract(folder, tmp_path / "store", LIGHT, labels=folder / "labels.csv")
    errors = {(modality, Path(file).name): error for modality, file, error in report.broken}
    assert set(errors) == {("audio", "s1.wav"), ("image", "s2.png"), ("sensor", "s3.csv"), ("text", "s4.txt")}
    assert errors["sensor", "s3.csv"] == "has 3 features (x, y, z), expected 2 features (x, y) as in most files"
    data, whole = Store(tmp_path / "store").read(), Store(extracted[0]).read()
    assert int((~data.availability).sum()) == 4
    np.testing.assert_array_equal(
        data.modalities["audio"].take(np.array([0])).values, whole.modalities["audio"].take(np.array([0])).values
    )
    with (tmp_path / "store" / "files.csv").open(newline="") as stream:
        broken = [row for row in csv.DictReader(stream) if row["error"]]
    assert {row["file"] for row in broken} == {"s1.wav", "s2.png", "s3.csv", "s4.txt"}


def test_a_modality_without_any_readable_file_is_an_error(folder, tmp_path):
    for path in folder.glob("*.wav"):
        path.write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"'audio': none of 6 files can be read; the first, .*s0\.wav: is damaged"):
        extract(folder, tmp_path / "store", {"audio": "logmel"})
    assert not (tmp_path / "store").exists()


def test_two_files_with_one_sample_id_are_an_error_that_names_both(folder, tmp_path):
    (folder / "other").mkdir()
    write_image(folder / "other" / "s1.bmp")
    with pytest.raises(DataError, match=r"s1\.png: has the sample id 's1' of .*s1\.bmp; expected one image file"):
        extract(folder, tmp_path / "store", {"image": "colour"})


def test_the_medium_follows_from_the_nearest_named_folder_or_the_suffix(tmp_path):
    for name in (
        "a.wav",
        "audio/b.mp4",
        "video/c.mp4",
        "d.mp4",
        "audio/session/e.wav",
        "audio/f.txt",
        "g.docx",
        ".h.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = scan(tmp_path, ("audio", "video"))
    assert {medium: sorted(files) for medium, files in found.files.items()} == {
        "audio": ["a", "b", "e"],
        "video": ["c", "d"],
    }
    assert {path.as_posix() for path in found.unused} == {"audio/f.txt", "g.docx"}


def test_the_sound_of_videos_in_the_audio_folder_is_audio(tmp_path):
    folder = write_recordings(tmp_path / "r" / "audio", ("video",), 2, labels="none")
    extract(folder.parent, tmp_path / "store", {"audio": "logmel"})
    assert Store(tmp_path / "store").read().modalities["audio"].is_sequence


def test_several_extractors_of_one_medium_have_names_and_options(folder, tmp_path):
    settings = {"mel": {"n_mels": "20"}, "wide": {"n_mels": 40}}
    extract(folder, tmp_path / "store", {"audio": ["mel=logmel", "wide=logmel"]}, settings=settings)
    data = Store(tmp_path / "store").read()
    assert {name: modality.n_features for name, modality in data.modalities.items()} == {"mel": 20, "wide": 40}
    assert data.target is None


def test_without_a_split_tfidf_states_that_it_is_fitted_to_all_texts(tmp_path):
    folder = write_recordings(tmp_path / "r", ("text",), 4, labels="plain")
    with pytest.warns(
        DataWarning, match="tfidf is fitted to all 4 recordings, without labels, since no split is given"
    ):
        extract(folder, tmp_path / "store", {"text": "tfidf"}, labels=folder / "labels.csv")
    assert load_recipes(tmp_path / "store")["text"].fitted["idf"].size > 4


def test_tfidf_does_not_depend_on_test_texts(folder, tmp_path, extracted):
    (folder / "s5.txt").write_text("entirely unknown words")
    extract(folder, tmp_path / "store", LIGHT, labels=folder / "labels.csv")
    fitted, before = (load_recipes(store)["text"].fitted for store in (tmp_path / "store", extracted[0]))
    assert fitted.keys() == before.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(fitted[name], array)


def test_samples_without_a_label_are_left_out_with_a_warning(folder, tmp_path):
    rows = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("\n".join([*rows[:-1], "s9,bad,test"]) + "\n")
    with pytest.warns(JoinWarning, match="1 ids have no target"):
        report = extract(folder, tmp_path / "store", {"image": "colour"}, labels=folder / "labels.csv")
    assert report.join.n_samples == 5
    assert report.join.n_target_only == 1


def test_columns_of_the_labels_can_have_other_names(folder, tmp_path):
    rows = (folder / "labels.csv").read_text().replace("id,label,split", "name,mood,part").splitlines()
    (folder / "moods.csv").write_text("\n".join(f"{row},{'who' if not k else k % 2}" for k, row in enumerate(rows)))
    labels = Labels(folder / "moods.csv", "name", "mood", "who", "part")
    (folder / "labels.csv").unlink()
    extract(folder, tmp_path / "store", {"image": "colour"}, labels=labels)
    data = Store(tmp_path / "store").read()
    assert data.groups.tolist() == ["1", "0", "1", "0", "1", "0"]
    assert data.split.tolist() == [0, 0, 0, 0, 2, 2]


def test_chunks_of_the_store_have_one_form(recordings, tmp_path, monkeypatch, extracted):
    monkeypatch.setattr("redcore.extract._table.CHUNK_BYTES", 1)
    folder = Path(shutil.copytree(recordings, tmp_path / "copy"))
    (folder / "s2.txt").unlink()
    (folder / "s3.wav").unlink()
    extract(folder, tmp_path / "store", LIGHT, labels=folder / "labels.csv")
    data, whole = Store(tmp_path / "store").read(), Store(extracted[0]).read()
    assert data.missing_rates == {"audio": 1 / 6, "image": 0, "sensor": 0, "text": 1 / 6}
    np.testing.assert_array_equal(data.modalities["image"].values, whole.modalities["image"].values)


def test_an_interrupted_extraction_is_resumed_from_the_cache(recordings, tmp_path, extracted):
    def stop(n_done, n_files, outcome):
        if n_done == 15:
            raise KeyboardInterrupt

    arguments = (recordings, tmp_path / "store", LIGHT)
    with pytest.raises(KeyboardInterrupt):
        extract(*arguments, labels=recordings / "labels.csv", progress=stop)
    assert not (tmp_path / "store").exists()
    report = extract(*arguments, labels=recordings / "labels.csv")
    assert report.n_cached == 15
    assert content_of(tmp_path / "store") == content_of(extracted[0])


@pytest.mark.filterwarnings("ignore:1 ids have no target")
def test_a_kept_cache_serves_later_extractions_and_a_damaged_entry_is_recomputed(recordings, tmp_path, extracted):
    cache = tmp_path / "cache"
    for number in range(2):
        extract(recordings, tmp_path / f"store{number}", LIGHT, labels=recordings / "labels.csv", cache=cache)
        entries = sorted(path for path in cache.rglob("*") if path.is_file())
        entries[0].write_bytes(entries[0].read_bytes()[:-3])
        entries[1].write_bytes(b"")
    report = extract(recordings, tmp_path / "last", LIGHT, labels=recordings / "labels.csv", cache=cache)
    assert report.n_cached == 22
    assert content_of(tmp_path / "last") == content_of(extracted[0])
    write_text(recordings / "s6.txt", 6)
    try:
        report = extract(
            recordings, tmp_path / "more", {"text": "tfidf"}, cache=cache, labels=recordings / "labels.csv"
        )
    finally:
        (recordings / "s6.txt").unlink()
    assert (report.n_files, report.n_cached) == (7, 6)


def test_other_options_do_not_use_the_cache(recordings, tmp_path):
    for n_mels, n_cached in ((10, 0), (20, 0), (10, 6)):
        report = extract(
            recordings,
            tmp_path / f"{n_mels}-{n_cached}",
            {"audio": "logmel"},
            settings={"audio": {"n_mels": n_mels}},
            cache=tmp_path / "cache",
        )
        assert report.n_cached == n_cached


def test_invalid_requests_are_named_before_anything_is_read(recordings, tmp_path):
    out = tmp_path / "store"
    cases = [
        (({"audio": "nosuch"},), {}, UnknownNameError, "unknown extractor 'nosuch'"),
        (({"sound": "logmel"},), {}, UnknownNameError, "unknown medium 'sound'"),
        (({"audio": "hog"},), {}, SettingsError, "'audio': extractor 'hog' is for image, video, got audio"),
        (({"audio": ["logmel", "egemaps"]},), {}, SettingsError, "two modalities have the name 'audio'"),
        (
            ({"audio": "logmel"},),
            {"settings": {"audio": {"mels": 3}}},
            UnknownNameError,
            "unknown option of 'audio' 'mels'",
        ),
        (({"audio": "logmel"},), {"settings": {"text": {}}}, UnknownNameError, "unknown modality 'text'"),
        (({"audio": "pretrained"},), {}, SettingsError, "path is not set"),
        (({"video": "hog"},), {}, DataError, "no video file; expected files with one of the suffixes .mp4"),
        (({"audio": "logmel"},), {"labels": "nosuch.csv"}, DataError, "nosuch.csv: no such file"),
        (({},), {}, SettingsError, "no extractor given"),
    ]
    for arguments, options, error, message in cases:
        with pytest.raises(error) as caught:
            extract(recordings, out, *arguments, **options)
        assert message in str(caught.value)
    out.mkdir()
    with pytest.raises(DataError, match="exists already"):
        extract(recordings, out, {"audio": "logmel"})


def test_a_package_that_is_not_installed_is_named_with_its_extra(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr("redcore.extract.extractors.logmel.LogMel.packages", ("no-such-package",))
    with pytest.raises(RunError, match=r"needs the package no-such-package: pip install 'redcore\[extract\]'"):
        extract(recordings, tmp_path / "store", {"audio": "logmel"})


def test_an_extractor_can_be_a_dotted_name(recordings, tmp_path):
    name = "plug_ins.extract.extractors.loudness:Loudness"
    extract(recordings, tmp_path / "store", {"audio": f"loudness={name}"})
    assert Store(tmp_path / "store").read().modalities["loudness"].values.shape == (6, 1)
    assert "plug_ins" in load_recipes(tmp_path / "store")["loudness"].plan.make().__module__
    content = json.loads((tmp_path / "store" / "extraction.json").read_text())["modalities"]["loudness"]
    assert (content["extractor"], set(content["packages"])) == (name, {"av", "plug_ins"})
    with pytest.raises(PlugInError, match=r"'collections:Counter': expected a subclass of redcore\.extract\.Extractor"):
        extract(recordings, tmp_path / "other", {"audio": "collections:Counter"})


def test_damaged_recipes_are_named(extracted, tmp_path):
    store = Path(shutil.copytree(extracted[0], tmp_path / "store"))
    raw = (store / "extraction.safetensors").read_bytes()
    (store / "extraction.safetensors").write_bytes(raw[:-1])
    with pytest.raises(RunError, match=r"extraction\.safetensors: truncated or changed"):
        load_recipes(store)
    assert load_recipes(tmp_path) == {}


def test_recipes_give_the_features_of_the_store(extracted, recordings):
    data, recipes = Store(extracted[0]).read(), load_recipes(extracted[0])
    for name, suffix in (("audio", ".wav"), ("image", ".png"), ("sensor", ".csv"), ("text", ".txt")):
        values = recipes[name].features((recordings / f"s5{suffix}").read_bytes(), 60.0).values
        stored = np.squeeze(data.modalities[name].gather(np.array([5])).values)
        np.testing.assert_array_equal(values.astype(stored.dtype), stored)


def test_another_version_of_a_package_is_a_warning(extracted, tmp_path):
    store = Path(shutil.copytree(extracted[0], tmp_path / "store"))
    content = json.loads((store / "extraction.json").read_text())
    version = content["modalities"]["audio"]["packages"]["av"]
    content["modalities"]["audio"]["packages"]["av"] = "0.1"
    (store / "extraction.json").write_text(json.dumps(content))
    with pytest.warns(DataWarning, match=f"'audio': av {version} is installed, but features were extracted with 0.1"):
        load_recipes(store)
