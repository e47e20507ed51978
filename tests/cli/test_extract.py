import numpy as np
import pytest

from redcore.data.store import Store
from samples.recordings import write_recordings


@pytest.fixture
def recordings(tmp_path):
    return write_recordings(tmp_path / "recordings", ("image", "text"), 6)


def test_a_folder_becomes_a_store_that_a_method_can_be_fitted_to(cli, recordings, tmp_path):
    store = tmp_path / "store"
    options = ("--image", "colour", "--image", "edges=hog", "--set", "edges.size=32", "--text", "tfidf", "--jobs", 1)
    result = cli("extract", recordings, *options, "--labels", recordings / "labels.csv", "--out", store)
    assert (result.status, result.err) == (0, "")
    assert f"6 samples written to {store}" in result.out
    assert "image: hog" in result.out
    widths = {name: modality.n_features for name, modality in Store(store).read().modalities.items()}
    assert widths["edges"] == 3 * 3 * 4 * 9
    assert cli("fit", store, "--out", tmp_path / "run", "--method", "late_fusion").status == 0


def test_broken_files_are_named_and_have_their_own_exit_status(cli, recordings, tmp_path):
    (recordings / "s2.png").write_bytes(b"no image")
    (recordings / "notes.docx").touch()
    arguments = ("extract", recordings, "--image", "colour", "--jobs", 1)
    result = cli(*arguments, "--out", tmp_path / "store")
    assert result.status == 3
    assert f"broken: image: {recordings / 's2.png'}: not a readable image" in result.err
    result = cli(*arguments, "--out", tmp_path / "other", "--json")
    assert result.status == 3
    assert result.json["broken"] == [
        {"modality": "image", "file": str(recordings / "s2.png"), "error": "not a readable image"}
    ]
    assert "notes.docx" in result.json["unused"]
    assert np.count_nonzero(Store(tmp_path / "other").read().availability) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no extractor given"),
        (("--image", "nosuch"), "unknown extractor 'nosuch'"),
        (("--image", "hog", "--set", "size=32"), "--set size=32: expected MODALITY.OPTION=VALUE"),
        (("--image", "hog", "--set", "image.size=ten"), "setting 'size' is 'ten'"),
        (("--image", "hog", "--task", "nosuch"), "unknown task 'nosuch'"),
        (("--audio", "logmel"), "no audio file"),
    ],
)
def test_invalid_requests_are_one_line(cli, recordings, tmp_path, arguments, message):
    result = cli("extract", recordings, *arguments, "--out", tmp_path / "store")
    assert result.status == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
