"""Worker processes: equal results, a decoder that crashes, and processes that are killed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import redcore
from extract.kill_and_resume import content_of, kill_and_resume
from redcore.data.store import Store
from redcore.extract import extract
from samples.recordings import write_recordings

CRASHING = '''"""Text: length; a text with the word "crash" ends the process."""
import os
import numpy as np
from redcore.extract._extractor import Extractor, Features
class Length(Extractor):
    media, alignment = ("text",), "one vector per recording"
    def extract(self, source):
        text = source.text()
        if "crash" in text:
            os.abort()
        return Features(np.array([len(text)], dtype=np.float32))
EXTRACTOR = Length
'''


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("recordings") / "r", ("sensor", "text"), 30)


def test_results_do_not_depend_on_the_number_of_processes_or_on_kills(recordings, tmp_path):
    features = {"sensor": "catch22", "text": "tfidf"}
    extract(recordings, tmp_path / "one", features, labels=recordings / "labels.csv")
    n_kills, differing = kill_and_resume(recordings, features, tmp_path, kills=2, n_jobs=2)
    assert n_kills == 2
    assert differing == []
    assert content_of(tmp_path / "one") == content_of(tmp_path / "uninterrupted")


def test_a_decoder_that_crashes_costs_its_file_only(tmp_path):
    package = tmp_path / "package"
    shutil.copytree(Path(redcore.__file__).parent, package / "redcore")
    (package / "redcore" / "extract" / "extractors" / "length.py").write_text(CRASHING)
    folder = write_recordings(tmp_path / "r", ("text",), 5, labels="none")
    (folder / "s2.txt").write_text("crash")
    code = f"""
from redcore.extract import extract
if __name__ == "__main__":
    report = extract({str(folder)!r}, {str(tmp_path / "store")!r}, {{"text": "length"}}, n_jobs=2)
    print(report.broken)
"""
    (tmp_path / "main.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, tmp_path / "main.py"], env=environment, capture_output=True, text=True, check=True
    )
    assert "s2.txt" in done.stdout
    assert "the worker process died" in done.stdout
    assert Store(tmp_path / "store").read().n_samples == 4


def _with_default_interrupt():
    """Undo that processes in the background of a shell, and their children, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_the_cache_and_the_same_command_resumes(tmp_path):
    recordings = write_recordings(tmp_path / "r", ("sensor",), 300, labels="none")
    command = [
        sys.executable,
        "-m",
        "redcore",
        "extract",
        recordings,
        "--sensor",
        "catch22",
        "--out",
        tmp_path / "store",
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=_with_default_interrupt
    )
    place = tmp_path / ".store.extract"
    while not any(path.is_file() for path in place.rglob("*")):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.splitlines()[-1] == "redcore: interrupted"
    assert not (tmp_path / "store").exists()
    assert place.is_dir()
    subprocess.run(command, check=True, capture_output=True)
    assert not place.exists()
    assert Store(tmp_path / "store").read().n_samples == 300
