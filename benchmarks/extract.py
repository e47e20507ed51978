"""Measure speed and peak memory of the extractors on recordings that this script makes.

    python benchmarks/extract.py [--files 40] [--only egemaps hog]

Each extractor runs in a process of its own with one thread, on files of one medium: audio of 5 s at 16 kHz, images of
640 x 480, sensor series of 1,000 steps and 6 channels, texts of 200 words, and videos of 5 s at 25 frames per second
and 320 x 240, from which 2 frames per second are taken. Packages are imported before the measurement, which includes
the loading of models, the cache and the store. Files per second are those of CPU time, so that other work on the
machine has little effect. The peak memory is that of the process, with Python and all packages. The extractor
`pretrained` is left out, since its speed is that of the model.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

WARM_UP = 2
"""Files of an extraction before the measurement, which imports the packages."""

CASES = (
    ("egemaps", "audio"),
    ("compare", "audio"),
    ("logmel", "audio"),
    ("tfidf", "text"),
    ("wordllama", "text"),
    ("hog", "image"),
    ("colour", "image"),
    ("hog", "video"),
    ("colour", "video"),
    ("catch22", "sensor"),
    ("windows", "sensor"),
)
"""Extractors and media."""


def write_audio(path: Path, rng: np.random.Generator) -> None:
    """Write 5 s of a tone with harmonics, noise and a slow modulation."""
    at = np.arange(5 * 16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * rng.uniform(100, 250) * k * at) / k for k in range(1, 6))
    samples = 0.1 * tone * (1.2 + np.sin(2 * np.pi * 3 * at)) + 0.01 * rng.normal(size=at.size)
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, 16_000, 0, "NONE", ""))
        stream.writeframes((32_767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())


def picture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a coarse random pattern, uint8 (height, width, 3)."""
    return np.kron(rng.integers(0, 256, (height // 16, width // 16, 3)), np.ones((16, 16, 1))).astype(np.uint8)


def write_image(path: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    Image.fromarray(picture(rng, 480, 640)).save(path)


def write_video(path: Path, rng: np.random.Generator) -> None:
    import av

    first = picture(rng, 240, 320)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for shift in range(125):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(first, 2 * shift, axis=1)), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_sensor(path: Path, rng: np.random.Generator) -> None:
    values = np.cumsum(rng.normal(size=(1000, 6)), axis=0)
    np.savetxt(path, values, delimiter=",", header="a,b,c,d,e,f", comments="", fmt="%.5f")


def write_text(path: Path, rng: np.random.Generator) -> None:
    path.write_text(" ".join(f"word{index}" for index in rng.zipf(1.3, 200) % 5000), encoding="utf-8")


WRITERS: dict[str, tuple[str, Callable[[Path, np.random.Generator], None]]] = {
    "audio": ("wav", write_audio),
    "image": ("png", write_image),
    "sensor": ("csv", write_sensor),
    "text": ("txt", write_text),
    "video": ("mp4", write_video),
}


def write_recordings(folder: Path, medium: str, n_files: int) -> None:
    """Write the files of one medium."""
    folder.mkdir()
    suffix, write = WRITERS[medium]
    rng = np.random.default_rng(0)
    for index in range(n_files):
        write(folder / f"s{index}.{suffix}", rng)


def measure(extractor: str, medium: str, place: Path) -> dict[str, float]:
    """Extract the files in ``few`` and then, measured, those in ``all``; both are folders in `place`."""
    import warnings

    from redcore.extract import extract

    # TF-IDF warns that it is fitted to all texts
    warnings.simplefilter("ignore")
    extract(place / "few", place / "store-few", {medium: extractor})
    start = time.process_time()
    report = extract(place / "all", place / "store-all", {medium: extractor})
    seconds = time.process_time() - start
    assert not report.broken
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"files_per_s": report.n_files / seconds, "peak_mib": peak}


def measure_in_process(extractor: str, medium: str, n_files: int) -> dict[str, float]:
    """Run `measure` in a new process with one thread."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_recordings(place / "few", medium, WARM_UP)
        write_recordings(place / "all", medium, n_files)
        command = [sys.executable, __file__, "--one", extractor, medium, name]
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **one_thread}, check=False)
    if done.returncode:
        raise RuntimeError(f"{extractor} of {medium}: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--only", nargs="+", default=[extractor for extractor, _ in CASES])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        extractor, medium, place = options.one
        print(json.dumps(measure(extractor, medium, Path(place))))
        return
    print("| extractor | medium | files per CPU second | peak memory, MiB |")
    print("|---|---|---|---|")
    for extractor, medium in CASES:
        if extractor in options.only:
            result = measure_in_process(extractor, medium, options.files)
            row = f"| `{extractor}` | {medium} | {result['files_per_s']:.3g} | {result['peak_mib']:.0f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
