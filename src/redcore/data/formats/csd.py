"""Folders of ``.csd`` files, the computational sequences of the CMU Multimodal SDK.

Each file is HDF5 and holds one sequence under a root group of any name::

    <root>/data/<video>/features     (n, n_features)
    <root>/data/<video>/intervals    (n, 2): start and end of each row in seconds
    <root>/metadata                  not read

One file holds the labels, and every row of it is a sample: ``<video>[<k>]`` is the k-th label interval of a video,
counted from 0, and its group is the video. The other files are modalities, named as the files. A row of a modality
belongs to the sample in whose interval [start, end) its middle lies; a sample with no such row lacks the modality.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray, FloatArray
from redcore.data import MultimodalData, Target
from redcore.data.formats._hdf5 import Hdf5Reader, opened
from redcore.exceptions import DataError

__all__ = ["Options", "read", "recognises"]

MAX_USES, HARMLESS_ROWS = 16, 10**5
"""Label intervals that overlap so that rows are repeated more often than this, in more rows than this, are refused."""
SIGNS = ("negative", "zero", "positive")


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Options(Settings):
    """Which file is what.

    Attributes
    ----------
    labels : str, optional
        Name of the label file without its ending. Default: the one whose name contains "label".
    modalities : names, optional
        Names of the files to read as modalities, without ending. Default: all but the labels.
    target_column : int, 0 or more, default 0
        Column of the label file that is the target; in CMU-MOSEI, 0 is sentiment and 1 to 6 are emotions.
    task : {"regression", "sign"}, default "regression"
        Whether the target is that number, or its sign: negative, zero or positive.
    nonfinite : {"error", "zero"}, default "error"
        What NaN and infinite features mean; COVAREP is shipped with some, which are usually set to zero.
    """

    labels: str | None = None
    modalities: Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)] | None = None
    target_column: int = Field(default=0, ge=0)
    task: Literal["regression", "sign"] = "regression"
    nonfinite: Literal["error", "zero"] = "error"


def recognises(path: Path) -> bool:
    """Whether the path is a folder with ``.csd`` files."""
    return bool(_sequence_files(path))


def read(path: Path, options: Options) -> MultimodalData:
    """Read a folder of computational sequences, aligned to the label intervals.

    Parameters
    ----------
    path : Path
    options : Options

    Returns
    -------
    MultimodalData
        Sequences; samples sorted by video, then in the order of the label file.

    Raises
    ------
    DataError
        If a file is damaged or foreign, or holds numbers that do not fit; the message names file and video.
    """
    label_file, modality_files = _choose(path, options)
    samples = _Samples(label_file, options.target_column)
    modalities = {name: _modality(file, samples, options.nonfinite) for name, file in modality_files.items()}
    try:
        return MultimodalData.from_arrays(
            modalities,
            _target(samples.labels, options.task),
            groups=samples.videos,
            sample_ids=samples.ids,
        )
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def _sequence_files(path: Path) -> dict[str, Path]:
    files = sorted(path.iterdir()) if path.is_dir() else []
    return {file.stem: file for file in files if file.suffix.lower() == ".csd"}


def _choose(path: Path, options: Options) -> tuple[Path, dict[str, Path]]:
    """Return the label file and those of the modalities."""
    files = _sequence_files(path)
    known = ", ".join(files) or "none"
    if options.labels is None:
        candidates = [stem for stem in files if "label" in stem.lower()]
        if len(candidates) != 1:
            raise DataError(f"{path}: which .csd file holds the labels? Say so with option labels; files: {known}")
        labels = candidates[0]
    else:
        labels = options.labels
    names = [stem for stem in files if stem != labels] if options.modalities is None else options.modalities
    for name in (labels, *names):
        if name not in files:
            raise DataError(f"{path}: no file {name}.csd; files: {known}")
    if not names:
        raise DataError(f"{path}: no .csd file beside the labels {labels}.csd, expected one per modality")
    return files[labels], {name: files[name] for name in names}


class _Samples:
    """What the label file says: one sample per label interval.

    Attributes
    ----------
    ids, videos : list of str, one per sample
    labels : array (n_samples,)
    intervals : dict of video to array (n, 2)
        In seconds; the samples of all videos follow one another in this order.
    """

    def __init__(self, path: Path, column: int) -> None:
        self.ids: list[str] = []
        self.videos: list[str] = []
        self.intervals: dict[str, FloatArray] = {}
        labels = []
        with opened(path) as file:
            root = _root(file)
            for video in file.names(root, "data"):
                features, intervals = _rows(file, root, video)
                _check_labels(path, video, features, intervals, column)
                labels.append(features[:, column].astype(np.float64))
                self.intervals[video] = intervals
                self.videos.extend([video] * len(intervals))
                self.ids.extend(f"{video}[{k}]" for k in range(len(intervals)))
        if not self.ids:
            raise DataError(f"{path}: holds no label interval")
        self.labels = np.concatenate(labels)


def _check_labels(path: Path, video: str, features: AnyArray, intervals: FloatArray, column: int) -> None:
    where = f"{path}: video {video!r}"
    if column >= features.shape[1]:
        raise DataError(f"{where}: no label column {column}, there are {features.shape[1]}, counted from 0")
    bad = np.flatnonzero(~(intervals[:, 0] < intervals[:, 1]))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: label interval {intervals[bad[0]].tolist()}, expected start < end")
    bad = np.flatnonzero(~np.isfinite(features[:, column].astype(np.float64)))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: label {features[bad[0], column]}, expected a finite number")


def _root(file: Hdf5Reader) -> str:
    """Return the name of the only group at the top of a file."""
    names = file.names()
    if len(names) != 1:
        raise DataError(f"{file.path}: {len(names)} entries at the top, expected one, named as the sequence")
    return names[0]


def _rows(file: Hdf5Reader, root: str, video: str) -> tuple[AnyArray, FloatArray]:
    """Return features and intervals of one video."""
    features = file.matrix(root, "data", video, "features")
    intervals = file.matrix(root, "data", video, "intervals")
    where = f"{file.path}: video {video!r}"
    if features is None or intervals is None:
        raise DataError(f"{where}: no {'features' if features is None else 'intervals'}")
    if intervals.shape != (len(features), 2):
        raise DataError(f"{where}: intervals of shape {intervals.shape}, expected ({len(features)}, 2) as its features")
    intervals = intervals.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(intervals).all(axis=1))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: interval {intervals[bad[0]].tolist()}, expected finite seconds")
    return features, intervals


def _modality(path: Path, samples: _Samples, nonfinite: str) -> list[AnyArray | None]:
    """Return the rows of every sample, None where it has none."""
    entries: list[AnyArray | None] = []
    width, n_rows, n_uses = None, 0, 0
    with opened(path) as file:
        root = _root(file)
        videos = set(file.names(root, "data"))
        for video, wanted in samples.intervals.items():
            if video not in videos:
                entries.extend([None] * len(wanted))
                continue
            features, intervals = _rows(file, root, video)
            if features.shape[1] != (width or features.shape[1]):
                raise DataError(f"{path}: video {video!r} has {features.shape[1]} features, those before it {width}")
            parts = _inside(intervals, wanted)
            width, n_rows, n_uses = features.shape[1], n_rows + len(features), n_uses + sum(map(len, parts))
            if n_uses > max(HARMLESS_ROWS, MAX_USES * n_rows):
                raise DataError(f"{path}: video {video!r}: its label intervals overlap more than {MAX_USES} times")
            features = _finite(f"{path}: video {video!r}", features, nonfinite)
            entries.extend(features[part] if len(part) else None for part in parts)
    return entries


def _inside(intervals: FloatArray, wanted: FloatArray) -> list[AnyArray]:
    """Return for each wanted interval the rows whose middle lies in it, in the order of time.

    The middle, and not any overlap: a row never belongs to two intervals that only touch, and a row that reaches
    over a border goes where most of it is.
    """
    # halved first, so that no sum can overflow
    middles = intervals[:, 0] / 2 + intervals[:, 1] / 2
    order = np.argsort(middles, kind="stable")
    first, behind = np.searchsorted(middles[order], wanted, side="left").T
    return [order[start:end] for start, end in zip(first, behind, strict=True)]


def _finite(where: str, features: AnyArray, nonfinite: str) -> AnyArray:
    """Return features as float32, with what is not finite named or set to zero."""
    # too large a number becomes infinite, and is treated as that
    with np.errstate(over="ignore"):
        values = features.astype(np.float32)
    good = np.isfinite(values)
    if good.all():
        return values
    if nonfinite == "error":
        row, column = np.argwhere(~good)[0]
        raise DataError(
            f"{where}, row {row}, feature {column}: {features[row, column]}, expected a finite number; "
            "option nonfinite='zero' sets such values to zero"
        )
    return np.where(good, values, np.float32(0))


def _target(labels: AnyArray, task: str) -> Target:
    if task == "regression":
        return Target.from_numbers(labels)
    return Target.from_labels(np.array(SIGNS)[np.sign(labels).astype(np.int64) + 1], SIGNS)
