"""Cache of features on disk, by extractor and content of the recording. It makes an extraction resumable."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from redcore._files import writing
from redcore.extract._extractor import Features

__all__ = ["Cache"]

DIGEST_BYTES = 32
VALUES, NAMES = "values", "names"


@dataclass(frozen=True)
class Cache:
    """Folder with one file per recording and extractor. A file contains a checksum and the features.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def get(self, key: str, digest: str) -> Features | None:
        """Return the features of the recording with SHA-256 `digest`; None if they are absent or damaged."""
        try:
            raw = self._path(key, digest).read_bytes()
        except FileNotFoundError:
            return None
        body = raw[DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != raw[:DIGEST_BYTES]:
            return None
        try:
            arrays = load(body)
        except SafetensorError:
            return None
        names = arrays.get(NAMES)
        return Features(arrays[VALUES], None if names is None else tuple(names.tobytes().decode().split("\n")))

    def put(self, key: str, digest: str, features: Features) -> None:
        """Write the features of a recording.

        The file is renamed after it was written, so that a killed process leaves no partial file. It is not flushed to
        disk, since the checksum reveals a file that a power failure has damaged.
        """
        arrays = {VALUES: np.ascontiguousarray(features.values)}
        if features.names is not None:
            arrays[NAMES] = np.frombuffer("\n".join(features.names).encode(), dtype=np.uint8)
        body = save(arrays)
        path = self._path(key, digest)
        temporary = path.with_name(f".{uuid4().hex}")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(hashlib.sha256(body).digest() + body)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def _path(self, key: str, digest: str) -> Path:
        return self.folder / key[:32] / digest[:2] / digest
