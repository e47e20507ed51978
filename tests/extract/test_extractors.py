"""Requirements on every extractor, and the values of each."""

import io
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from redcore._discovery import load, names
from redcore.exceptions import DataError, SettingsError
from redcore.extract import MEDIA, Source
from redcore.extract._plan import EXTRACTORS, ModalityPlan
from samples.recordings import WRITERS, write_image, write_series, write_video, write_wav

PRETRAINED = [
    name for name in names(EXTRACTORS) if "path" in load(EXTRACTORS, name, "extractor").EXTRACTOR.Options.model_fields
]
NAMES = [name for name in names(EXTRACTORS) if name not in PRETRAINED]
PAIRS = [(name, medium) for name in NAMES for medium in load(EXTRACTORS, name, "extractor").EXTRACTOR.media]


def made(name, medium, **options):
    return ModalityPlan("m", medium, name, options).make()


@pytest.fixture
def source(tmp_path):
    def write(medium, seed=0):
        suffix, writer = WRITERS[medium]
        return Source(writer(tmp_path / f"{medium}{seed}{suffix}", seed))

    return write


def features_of(extractor, sources):
    items = [extractor.extract(source) for source in sources]
    fitted = extractor.fit(items) if extractor.needs_fit else {}
    return [extractor.finish(fitted, item) for item in items], fitted


@pytest.mark.parametrize(("name", "medium"), PAIRS)
def test_every_extractor_gives_equal_features_for_equal_content(name, medium, source):
    extractor = made(name, medium)
    first, second = source(medium, 0), source(medium, 1)
    in_memory = Source(io.BytesIO(first.place.read_bytes()))
    (one, other, again), fitted = features_of(extractor, [first, second, in_memory])
    assert one.values.dtype.kind == "f"
    assert np.isfinite(one.values).all()
    np.testing.assert_array_equal(one.values, again.values)
    assert one.values.shape[-1] == other.values.shape[-1]
    assert one.values.shape != other.values.shape or (one.values != other.values).any()
    feature_names = one.names or extractor.fitted_names(fitted)
    assert feature_names is None or len(set(feature_names)) == one.values.shape[-1]


@pytest.mark.parametrize(("name", "medium"), PAIRS)
def test_every_extractor_rejects_damaged_content(name, medium):
    extractor = made(name, medium)
    for raw in (b"", b"\x00\xff" * 40, bytes(np.random.default_rng(0).integers(128, 256, 500, dtype=np.uint8))):
        with pytest.raises(DataError):
            extractor.extract(Source(io.BytesIO(raw)))


@pytest.mark.parametrize(("name", "medium"), PAIRS)
def test_every_extractor_describes_its_features(name, medium):
    plan = ModalityPlan("m", medium, name)
    description = plan.description(plan.make())
    assert set(plan.make().media) <= set(MEDIA)
    assert description["alignment"].startswith("one vector per ")
    assert description["packages"]
    assert all(description["packages"].values())


def test_no_extractor_imports_its_packages_with_its_module():
    modules = "\n".join(f"import {EXTRACTORS}.{name}" for name in names(EXTRACTORS))
    heavy = ("av", "opensmile", "PIL", "pycatch22", "skimage", "sklearn", "torch", "transformers", "wordllama")
    code = f"import sys\n{modules}\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_sizes_of_the_feature_sets(source):
    sizes = {
        ("egemaps", "functionals"): (88,),
        ("egemaps", "lld"): (25,),
        ("compare", "functionals"): (6373,),
        ("compare", "lld"): (65,),
    }
    for (name, level), size in sizes.items():
        extractor = made(name, "audio", level=level)
        values = extractor.extract(source("audio")).values
        assert values.shape[-1:] == size
        assert values.ndim == (1 if level == "functionals" else 2)
        assert len(extractor.feature_names) == size[0]


def test_egemaps_measures_the_pitch_of_a_tone(tmp_path):
    time = np.arange(16_000) / 16_000
    harmonics = sum(np.sin(2 * np.pi * 200 * k * time) / k for k in range(1, 8))
    extractor = made("egemaps", "audio")
    values = dict(
        zip(
            extractor.feature_names,
            extractor.extract(Source(write_wav(tmp_path / "a.wav", harmonics / 4))).values,
            strict=True,
        )
    )
    semitones = 12 * np.log2(200 / 27.5)  # the reference of eGeMAPS
    assert values["F0semitoneFrom27.5Hz_sma3nz_amean"] == pytest.approx(semitones, abs=0.3)


def test_a_recording_below_one_analysis_window_is_an_error(tmp_path):
    short = Source(write_wav(tmp_path / "short.wav", np.zeros(100)))
    with pytest.raises(DataError, match="too short for eGeMAPSv02"):
        made("egemaps", "audio").extract(short)


def test_logmel_equals_the_spectrogram_of_transformers(tmp_path):
    audio_utils = pytest.importorskip("transformers.audio_utils")
    samples = np.random.default_rng(0).normal(size=4000) / 10
    values = made("logmel", "audio", n_mels=20).extract(Source(write_wav(tmp_path / "a.wav", samples))).values
    filters = audio_utils.mel_filter_bank(257, 20, 0.0, 8000.0, 16_000, norm=None, mel_scale="htk")
    quantised = np.round(np.clip(samples, -1, 1) * 32767) / 32768
    window = audio_utils.window_function(400, "hann", periodic=True)
    expected = audio_utils.spectrogram(
        quantised, window, 400, 160, fft_length=512, power=2.0, center=False, mel_filters=filters, log_mel="log"
    ).T
    assert values.shape == expected.shape == (23, 20)
    np.testing.assert_allclose(values, expected, atol=1e-3)


def test_logmel_converts_the_sampling_rate(tmp_path):
    for rate in (8_000, 44_100):
        tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate) / 2
        extractor = made("logmel", "audio")
        values = extractor.extract(Source(write_wav(tmp_path / "a.wav", tone, rate))).values
        assert abs(len(values) - 98) <= 1
        edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 82) / 2595) - 1)
        assert edges[values.mean(axis=0).argmax() + 1] == pytest.approx(1000, rel=0.05)


def test_tfidf_is_fitted_to_the_items_of_the_fit_only(tmp_path):
    sources = []
    for name, text in {"a": "red red blue", "b": "blue green", "c": "yellow"}.items():
        (tmp_path / name).write_text(text)
        sources.append(Source(tmp_path / name))
    extractor = made("tfidf", "text", n_components=2)
    items = [extractor.extract(one) for one in sources]
    fitted = extractor.fit(items[:2])
    assert b"yellow" not in fitted["vocabulary"].tobytes()
    np.testing.assert_array_equal(extractor.finish(fitted, items[2]).values, 0)
    from sklearn.feature_extraction.text import TfidfVectorizer

    table = TfidfVectorizer(sublinear_tf=True).fit_transform(["red red blue", "blue green"]).toarray()
    values = np.stack([extractor.finish(fitted, item).values for item in items[:2]])
    # two texts span two dimensions, so that the projection keeps all inner products
    np.testing.assert_allclose(values @ values.T, table @ table.T, atol=1e-6)


def test_wordllama_is_loaded_offline_and_places_words_by_meaning(tmp_path, monkeypatch):
    monkeypatch.setattr("socket.socket", None)
    vectors = []
    for text in ("a happy dog", "a cheerful puppy", "interest rates of banks"):
        (tmp_path / "t").write_text(text)
        vectors.append(made("wordllama", "text", size="64").extract(Source(tmp_path / "t")).values)
    assert vectors[0].shape == (64,)
    near, far = (
        float(vectors[0] @ other / np.linalg.norm(vectors[0]) / np.linalg.norm(other)) for other in vectors[1:]
    )
    assert near > far + 0.2


def test_the_frames_of_a_video_are_taken_at_the_stated_rate(tmp_path):
    video = Source(write_video(tmp_path / "v.mp4", n_frames=20, rate=10))
    for fps, n_frames in ((2, 4), (5, 10), (10, 20), (50, 20)):
        extractor = made("colour", "video", fps=fps, space="rgb")
        assert len(extractor.extract(video).values) == n_frames
        assert extractor.sampling_rate == fps
    brightness = made("colour", "video", fps=10, space="rgb").extract(video).values[:, :16] @ np.arange(16)
    expected = (127 + 100 * np.sin(np.arange(20) / 3)) / 16
    assert np.corrcoef(brightness, expected)[0, 1] > 0.99


def test_colour_histograms_are_shares_of_pixels(tmp_path):
    values = made("colour", "image", space="rgb", bins=4).extract(Source(write_image(tmp_path / "i.png"))).values
    share = 24 * 32 / (48 * 64)
    np.testing.assert_allclose(values[:4], [1 - share, 0, 0, share])
    np.testing.assert_allclose(values.reshape(3, 4).sum(axis=1), 1)


def test_sixteen_bit_images_are_scaled_and_wider_ones_rejected(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((32, 32), 40_000, dtype=np.uint16)).save(tmp_path / "grey.png")
    values = made("colour", "image", space="rgb", bins=256).extract(Source(tmp_path / "grey.png")).values
    assert values[:256].argmax() == 40_000 // 256
    Image.fromarray(np.zeros((32, 32), dtype=np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(DataError, match="'F', expected 8 or 16 bits"):
        made("colour", "image").extract(Source(tmp_path / "float.tiff"))


def test_hog_tells_vertical_from_horizontal_edges(tmp_path):
    from PIL import Image

    stripes = np.tile(np.repeat([0, 255], 8), (64, 4)).astype(np.uint8)
    directions = []
    for picture in (stripes, stripes.T):
        Image.fromarray(picture).save(tmp_path / "p.png")
        values = made("hog", "image").extract(Source(tmp_path / "p.png")).values
        assert values.shape == (7 * 7 * 4 * 9,)
        directions.append(values.reshape(-1, 9).sum(axis=0).argmax())
    assert directions[0] != directions[1]


def test_pictures_are_cropped_to_the_face_and_pictures_without_one_are_errors(tmp_path):
    from PIL import Image

    from redcore.extract._images import face_crop

    photo = np.asarray(
        Image.open(find_spec("skimage").submodule_search_locations[0] + "/data/astronaut.png").convert("RGB")
    )
    crop = face_crop(photo)
    top, left = 70, 175  # the face of the photo, in pixels
    assert abs(crop.shape[0] - 95) < 40
    assert any(
        np.array_equal(crop, photo[r : r + crop.shape[0], c : c + crop.shape[1]])
        for r in range(top - 25, top + 25)
        for c in range(left - 25, left + 25)
    )
    with pytest.raises(DataError, match="no face"):
        made("hog", "image", faces=True).extract(Source(write_image(tmp_path / "square.png")))


def test_catch22_has_24_features_per_channel_or_window(tmp_path):
    from pycatch22 import catch22_all

    series = Source(write_series(tmp_path / "s.csv"))
    item = made("catch22", "sensor").extract(series)
    assert item.values.shape == (48,)
    assert item.names[0] == "x_mode_5"
    column = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)[:, 2]
    np.testing.assert_allclose(item.values[24:], catch22_all(column.tolist(), catch24=True)["values"])
    windows = made("catch22", "sensor", window=50, step=25).extract(series)
    assert windows.values.shape == (3, 48)


def test_windows_hold_the_raw_values(tmp_path):
    series = Source(write_series(tmp_path / "s.csv", n_steps=11))
    table = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)[:, 1:]
    item = made("windows", "sensor").extract(series)
    np.testing.assert_array_equal(item.values, table)
    assert item.names == ("x", "y")
    windows = made("windows", "sensor", window=4, step=3).extract(series)
    np.testing.assert_array_equal(windows.values, [table[k : k + 4].ravel() for k in (0, 3, 6)])
    assert windows.names[:3] == ("x_1", "y_1", "x_2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x,y\n1,2\n3\n", "row 2 has 1 cells, expected 2"),
        ("x,y\n1,2\n3,abc\n", "row 2, column 'y': 'abc' is not a number"),
        ("x,y\n1,2\n3,\n", "channel 'y' has 1 missing cells of 2, the first in row 2"),
        ("x,y\n1,2\n3,inf\n", "row 2, channel 'y' is inf"),
        ("x,x\n1,2\n", "two columns have the same name"),
        ("time\n1\n", "no values of a channel"),
        ("x,y\n", "no values of a channel"),
    ],
)
def test_invalid_series_name_row_and_channel(content, message):
    with pytest.raises(DataError, match=message):
        made("windows", "sensor").extract(Source(io.BytesIO(content.encode())))


def test_missing_cells_are_interpolated_on_request():
    source = Source(io.BytesIO(b"x;y\n1;2\n3;\n5;6\n"))
    np.testing.assert_array_equal(
        made("windows", "sensor", fill="linear").extract(source).values, [[1, 2], [3, 4], [5, 6]]
    )


def test_options_are_checked():
    for name, medium, options, message in (
        ("logmel", "audio", {"step_ms": "0.001"}, "at least one sample"),
        ("hog", "image", {"size": 16, "cell": 16}, "at least 2 cells"),
        ("egemaps", "audio", {"rate": 10}, "rate"),
        ("egemaps", "text", {}, "is for audio, got text"),
    ):
        with pytest.raises(SettingsError, match=message):
            made(name, medium, **options)


def test_recordings_over_the_time_limit_and_truncated_ones_are_errors(tmp_path, source):
    audio, video = source("audio"), source("video")
    with pytest.raises(DataError, match=r"longer than 0\.1 s"):
        made("logmel", "audio").extract(Source(audio.place, max_seconds=0.1))
    with pytest.raises(DataError, match=r"longer than 0\.5 s"):
        made("hog", "video").extract(Source(video.place, max_seconds=0.5))
    for source_of, name, medium in ((audio, "logmel", "audio"), (video, "hog", "video")):
        raw = source_of.place.read_bytes()
        with pytest.raises(DataError, match=r"truncated|damaged"):
            made(name, medium).extract(Source(io.BytesIO(raw[: len(raw) // 2])))
