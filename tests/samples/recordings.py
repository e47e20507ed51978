"""Writers of small recordings: speech or tones, texts, drawn images, sensor series and videos."""

import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np

SENTENCES = ("the film was good and the music was better", "a slow story that nobody wants to see again")


def write_audio(path: Path, seed: int = 0, seconds: float = 0.6, rate: int = 16_000) -> Path:
    """Write a WAV file of at least 0.5 s: speech of espeak-ng if it is installed, otherwise tones and noise."""
    if shutil.which("espeak-ng"):
        subprocess.run(["espeak-ng", "-p", str(30 + 5 * seed % 60), "-w", path, SENTENCES[seed % 2]], check=True)
        return path
    rng, time = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    pitch = 120 + 40 * (seed % 5)
    samples = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6)) * (1.2 + np.sin(2 * np.pi * 3 * time))
    return write_wav(path, 0.1 * samples + 0.005 * rng.normal(size=time.size), rate)


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    """Write mono samples in [-1, 1] as 16 bits."""
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def write_text(path: Path, seed: int = 0) -> Path:
    path.write_text(f"{SENTENCES[seed % 2]}, number {seed}\n", encoding="utf-8")
    return path


def write_image(path: Path, seed: int = 0) -> Path:
    """Draw a bright square on a dark background; its place and colour depend on the seed."""
    from PIL import Image

    picture = np.full((48, 64, 3), 30, dtype=np.uint8)
    picture[8 : 32 + seed % 8, 8 + seed % 24 : 40] = (250, 40 * (seed % 6), 10)
    Image.fromarray(picture).save(path)
    return path


def write_series(path: Path, seed: int = 0, n_steps: int = 120) -> Path:
    """Write a CSV file with the columns time, x and y."""
    rng, time = np.random.default_rng(seed), np.arange(n_steps) / 50
    columns = (time, np.sin(2 * np.pi * time * (1 + seed % 3)), np.cumsum(rng.normal(size=n_steps)))
    np.savetxt(path, np.stack(columns, axis=1), delimiter=",", header="time,x,y", comments="", fmt="%.6f")
    return path


def write_video(path: Path, seed: int = 0, n_frames: int = 20, rate: int = 10) -> Path:
    """Write a video with a dark square, whose background follows a sine, and a tone of the same duration."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=rate)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=16_000)
        audio.layout = "mono"
        for index in range(n_frames):
            picture = np.full((48, 64, 3), round(127 + 100 * np.sin(index / 3 + seed)), dtype=np.uint8)
            picture[8:24, 8 + 8 * (seed % 4) : 24 + 8 * (seed % 4)] = 0
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        time = np.arange(16_000 * n_frames // rate) / 16_000
        tone = (0.3 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path


WRITERS = {
    "audio": (".wav", write_audio),
    "image": (".png", write_image),
    "sensor": (".csv", write_series),
    "text": (".txt", write_text),
    "video": (".mp4", write_video),
}
"""Suffix and writer by medium. A writer is called with a path and a seed."""


def write_recordings(folder: Path, media: tuple[str, ...], n_samples: int, labels: str = "split") -> Path:
    """Write one file per medium and sample, and ``labels.csv``.

    Sample k has the id "s<k>". `labels` is "split" for a table with a split (the last third is the test split),
    "plain" for a table without one, or "none".
    """
    folder.mkdir(parents=True, exist_ok=True)
    for medium in media:
        suffix, write = WRITERS[medium]
        for seed in range(n_samples):
            write(folder / f"s{seed}{suffix}", seed)
    rows = [f"s{seed},{'good' if seed % 2 else 'bad'}" for seed in range(n_samples)]
    if labels == "split":
        rows = [f"{row},{'test' if 3 * seed >= 2 * n_samples else 'train'}" for seed, row in enumerate(rows)]
    if labels != "none":
        header = "id,label,split" if labels == "split" else "id,label"
        (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder
