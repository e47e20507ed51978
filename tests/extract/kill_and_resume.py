"""Kill an extraction with SIGKILL at random times, resume it each time and compare with an uninterrupted one.

    $ PYTHONPATH=tests python tests/extract/kill_and_resume.py

The exit status is 1 if a file of the store differs.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from samples.recordings import write_recordings

EXTRACTORS = {"audio": "egemaps", "image": "hog", "sensor": "catch22", "text": "tfidf"}


def content_of(store: Path) -> dict[str, bytes]:
    """Return the content of all files of a store by name."""
    return {path.name: path.read_bytes() for path in store.iterdir()}


def n_cached(store: Path) -> int:
    """Return the number of recordings whose features are in the cache of an unfinished extraction."""
    folders = os.walk(store.with_name(f".{store.name}.extract"))  # ignores a folder that is removed in the meantime
    return sum(not name.startswith(".") for _, _, names in folders for name in names)


def kill_and_resume(
    folder: Path, features: dict[str, str], place: Path, kills: int, n_jobs: int
) -> tuple[int, list[str]]:
    """Extract once without interruption and once with kills.

    Returns the number of kills, and the names of the files that differ.
    """
    rng = random.Random(0)

    def start(store: Path) -> subprocess.Popen[bytes]:
        options = [f"--{medium}={extractor}" for medium, extractor in features.items()]
        options += [f"--labels={folder / 'labels.csv'}", f"--out={store}", f"--jobs={n_jobs}"]
        return subprocess.Popen(
            [sys.executable, "-m", "redcore", "extract", str(folder), *options],
            stdout=subprocess.DEVNULL,
            # the resource tracker of a killed process warns about its semaphores
            stderr=subprocess.DEVNULL,
        )

    uninterrupted = place / "uninterrupted"
    if start(uninterrupted).wait():
        raise RuntimeError("the uninterrupted extraction failed")
    n_files = sum(path.name != "labels.csv" for path in folder.iterdir())
    stores, n_kills = [place / "killed-0"], 0
    while n_kills < kills:
        process = start(stores[-1])
        # wait for features and not only for seconds, so that a busy machine makes progress between kills
        target = n_cached(stores[-1]) + rng.randint(0, 2 * n_files // kills)
        while process.poll() is None and n_cached(stores[-1]) < min(target, n_files):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        status = process.wait()
        if status not in (0, -signal.SIGKILL):
            raise RuntimeError(f"exit status {status}")
        n_kills += status != 0
        print(f"kill {n_kills}: {n_cached(stores[-1])} of {n_files} recordings", flush=True)
        if stores[-1].exists():
            # the store was complete before the kill: continue with a new one
            stores.append(place / f"killed-{len(stores)}")
    if not stores[-1].exists() and start(stores[-1]).wait():
        raise RuntimeError("the killed extraction cannot be resumed")
    expected, differing = content_of(uninterrupted), set()
    for store in stores:
        actual = content_of(store)
        differing |= {name for name in expected.keys() | actual.keys() if actual.get(name) != expected.get(name)}
    return n_kills, sorted(differing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = write_recordings(Path(place) / "recordings", tuple(EXTRACTORS), options.samples)
        n_kills, differing = kill_and_resume(folder, EXTRACTORS, Path(place), options.kills, options.jobs)
    print(f"{n_kills} kills, {len(differing)} different files: {differing}")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
