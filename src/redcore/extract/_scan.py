"""Search of the recordings in a folder: medium and sample id of each file."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from redcore.exceptions import DataError
from redcore.extract._source import MEDIA

__all__ = ["Recordings", "scan"]

SUFFIXES = {**MEDIA, "audio": (*MEDIA["audio"], *MEDIA["video"])}
"""Suffixes in a folder that is named after its medium. The audio of a video is its sound."""


@dataclass(frozen=True)
class Recordings:
    """Files in a folder.

    Attributes
    ----------
    files : dict of str to dict of str to Path
        File by medium and sample id.
    unused : tuple of Path
        Files of no requested medium.
    """

    files: dict[str, dict[str, Path]]
    unused: tuple[Path, ...]


def scan(folder: Path, media: Collection[str], excluded: Collection[Path] = ()) -> Recordings:
    """Find the recordings of `media` in a folder and its subfolders.

    The medium of a file is the name of its nearest parent folder that is named after a medium, such as ``audio``;
    without such a folder, it follows from the suffix. The sample id is the name of the file without its suffix. Hidden
    files and folders are ignored.

    Parameters
    ----------
    folder : Path
    media : collection of str
        Requested media.
    excluded : collection of Path
        Files that are no recordings, such as the labels.

    Raises
    ------
    DataError
        If the folder does not exist, two files of a medium have the same sample id, or a medium has no file.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    left_out = {path.resolve() for path in excluded}
    files: dict[str, dict[str, Path]] = {medium: {} for medium in sorted(media)}
    unused = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if any(part.startswith(".") for part in inner.parts) or not path.is_file() or path.resolve() in left_out:
            continue
        medium = _medium(inner)
        if medium not in files:
            unused.append(inner)
            continue
        previous = files[medium].setdefault(path.stem, path)
        if previous != path:
            raise DataError(
                f"{path}: has the sample id {path.stem!r} of {previous}; expected one {medium} file per sample"
            )
    for medium, found in files.items():
        if not found:
            suffixes = " ".join(SUFFIXES[medium])
            raise DataError(f"{folder}: no {medium} file; expected files with one of the suffixes {suffixes}")
    return Recordings(files, tuple(unused))


def _medium(path: Path) -> str | None:
    """Return the medium of a file in a folder, None if it has none."""
    suffix = path.suffix.lower()
    named = next((part for part in reversed(path.parts[:-1]) if part in MEDIA), None)
    if named is not None:
        return named if suffix in SUFFIXES[named] else None
    return next((medium for medium, suffixes in MEDIA.items() if suffix in suffixes), None)
