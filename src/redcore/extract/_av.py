"""Decoding of audio and video with PyAV. Errors are `DataError`, without the name of the file."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError
from redcore.extract._source import Source

__all__ = ["read_audio", "video_frames"]

WITH_DURATION = ("flac", "mov", "matroska")
"""Containers whose headers declare the exact duration of a complete file."""
FORMATS = "aac,aiff,avi,flac,matroska,mov,mp3,mpeg,mpegts,ogg,wav"
"""Containers that are read. Others, such as playlists, can name further files, which FFmpeg would open."""
TOLERANCE = 0.5
"""Allowed difference between the declared and the decoded duration in seconds."""
STREAMED = 0xFFFFFFFF
"""Declared size of a RIFF file that was written as a stream."""


def read_audio(source: Source, rate: int) -> AnyArray:
    """Return the first audio stream as mono samples in [-1, 1], float32 (n_samples,), resampled to `rate` Hz.

    Raises
    ------
    DataError
        If the source has no audio, is damaged or truncated, or is longer than ``source.max_seconds``.
    """
    from av import AudioResampler

    chunks: list[AnyArray] = []
    n_samples = 0
    with _container(source) as container:
        if not container.streams.audio:
            raise DataError("contains no audio stream")
        resampler = AudioResampler("flt", "mono", rate)
        frames = _checked_frames(container.decode(container.streams.audio[0]))
        for frame in chain(frames, [None]):  # None flushes the resampler
            for resampled in resampler.resample(frame):
                chunks.append(resampled.to_ndarray()[0])
                n_samples += chunks[-1].size
            if n_samples > source.max_seconds * rate:
                raise DataError(f"is longer than {source.max_seconds:g} s")
        _check_duration(container, n_samples / rate)
    if not n_samples:
        raise DataError("contains no audio samples")
    return np.concatenate(chunks)


def video_frames(source: Source, fps: float) -> Iterator[AnyArray]:
    """Yield frames of the first video stream, uint8 (height, width, 3) in RGB, at most `fps` per second.

    The frame at time k / fps is the first frame at or after this time. A video with a lower frame rate yields all its
    frames.

    Raises
    ------
    DataError
        If the source has no video, is damaged or truncated, or is longer than ``source.max_seconds``.
    """
    with _container(source) as container:
        if not container.streams.video:
            raise DataError("contains no video stream")
        stream = container.streams.video[0]
        first, seconds, n_taken = None, 0.0, 0
        for frame in _checked_frames(container.decode(stream)):
            if frame.time is None:
                raise DataError("a video frame has no time stamp")
            first = frame.time if first is None else first
            seconds = frame.time - first
            if seconds > source.max_seconds:
                raise DataError(f"is longer than {source.max_seconds:g} s")
            # half a millisecond allows for rounded time stamps
            if seconds + 5e-4 >= n_taken / fps:
                n_taken = int((seconds + 5e-4) * fps) + 1
                yield frame.to_ndarray(format="rgb24")
        if first is None:
            raise DataError("contains no video frames")
        _check_duration(container, seconds + float(1 / (stream.average_rate or 1)))


@contextmanager
def _container(source: Source) -> Iterator[Any]:
    import av

    with source.opened() as stream:
        _check_riff(stream)
        try:
            with av.open(stream, mode="r", options={"format_whitelist": FORMATS}) as container:
                yield container
        except av.FFmpegError as error:
            raise DataError(f"is damaged, or of an unknown format ({error.strerror})") from None


def _checked_frames(frames: Iterator[Any]) -> Iterator[Any]:
    """Yield frames; raise `DataError` for a frame that the decoder marks as corrupt."""
    for frame in frames:
        if frame.is_corrupt:
            raise DataError(f"is damaged (corrupt frame at {frame.time or 0:.2f} s)")
        yield frame


def _check_riff(stream: BinaryIO) -> None:
    """Raise `DataError` if a RIFF file (WAV or AVI) is shorter than its header declares, which FFmpeg accepts."""
    header = stream.read(8)
    n_bytes = stream.seek(0, 2)
    stream.seek(0)
    if header[:4] != b"RIFF" or len(header) < 8:
        return
    declared = struct.unpack("<I", header[4:])[0]
    if declared != STREAMED and declared + 8 > n_bytes:
        raise DataError(f"is truncated: {n_bytes} bytes, expected {declared + 8}")


def _check_duration(container: Any, seconds: float) -> None:
    if container.duration is None or not container.format.name.startswith(WITH_DURATION):
        return
    declared = container.duration / 1e6
    if seconds < 0.95 * declared - TOLERANCE:
        raise DataError(f"is truncated: {seconds:.1f} s, expected {declared:.1f} s")
