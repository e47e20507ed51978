"""Media, their file suffixes, and the source of one recording."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from redcore.exceptions import DataError

__all__ = ["MEDIA", "Source"]

MEDIA = {
    "audio": (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff"),
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"),
    "sensor": (".csv", ".tsv", ".npy"),
    "text": (".txt",),
    "video": (".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg"),
}
"""Media, and the suffixes of their files in lower case."""


@dataclass(frozen=True)
class Source:
    """File, or content of a file, from which features are extracted.

    Attributes
    ----------
    place : Path or BinaryIO
        File, or seekable stream with its content.
    max_seconds : float
        Maximum duration of audio and video. A longer recording is an error.
    """

    place: Path | BinaryIO
    max_seconds: float = float("inf")

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Yield a binary stream at the beginning of the content."""
        if not isinstance(self.place, Path):
            self.place.seek(0)
            yield self.place
            return
        try:
            stream = self.place.open("rb")
        except OSError as error:
            raise DataError(f"cannot be opened ({error.strerror})") from None
        with stream:
            yield stream

    def sha256(self) -> str:
        """Return the SHA-256 of the content."""
        stream: Any  # the type of the protocol of hashlib is narrower than BinaryIO
        with self.opened() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def text(self) -> str:
        """Return the content as text in UTF-8.

        Raises
        ------
        DataError
            If the content is not UTF-8, or contains only white space.
        """
        with self.opened() as stream:
            raw = stream.read()
        try:
            text = raw.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise DataError(f"not text in UTF-8 (byte {error.start}: {error.reason})") from None
        if not text:
            raise DataError("the text is empty")
        return text
