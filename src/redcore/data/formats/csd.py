"""Folders of ``.csd`` files, the computational sequences of the CMU Multimodal SDK.

Each file is an HDF5 file with one computational sequence under a root group of any name::

    <root>/data/<video>/features     (n, n_features)
    <root>/data/<video>/intervals    (n, 2): start and end of each row in seconds
    <root>/metadata                  not read

One file contains the labels. Every row of it is a sample: ``<video>[<k>]`` is the k-th label interval of a video,
counted from 0, and its group is the video. The other files are modalities with the names of the files. A row of a
modality belongs to the sample whose interval [start, end) contains the midpoint of the row. A modality without any row
for a sample is missing in this sample.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray, FloatArray
from redcore.data import MultimodalData, Target
from redcore.data.formats._hdf5 import Hdf5Reader, open_hdf5
from redcore.exceptions import DataError

__all__ = ["Options", "read", "recognises"]

MAX_REPEATS, ALWAYS_ALLOWED_ROWS = 16, 10**5
"""Overlapping label intervals may repeat each row `MAX_REPEATS` times on average; `ALWAYS_ALLOWED_ROWS` are allowed."""
SIGNS = ("negative", "zero", "positive")


def _split_names(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    labels : str, optional
        Name of the label file without suffix. Default: the only file whose name contains "label".
    modalities : tuple of str, optional
        Names of the files to read as modalities, without suffix. Default: all files except the labels.
    target_column : int >= 0, default 0
        Column of the label file to use as target. In CMU-MOSEI, 0 is sentiment and 1 to 6 are emotions.
    task : {"regression", "sign"}, default "regression"
        Use the value of the column as target, or its sign (classes negative, zero and positive).
    nonfinite : {"error", "zero"}, default "error"
        Treatment of NaN and infinite features: raise an error, or set them to 0. COVAREP features contain such values,
        which are usually set to 0.
    """

    labels: str | None = None
    modalities: Annotated[tuple[str, ...], BeforeValidator(_split_names), Field(min_length=1)] | None = None
    target_column: int = Field(default=0, ge=0)
    task: Literal["regression", "sign"] = "regression"
    nonfinite: Literal["error", "zero"] = "error"


def recognises(path: Path) -> bool:
    """Return True if the path is a folder with ``.csd`` files."""
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
        Modalities are sequences. Samples are sorted by video, then by row of the label file.

    Raises
    ------
    DataError
        If a file is not a computational sequence, is damaged, or contains invalid values. The message names file and
        video.
    """
    label_file, modality_files = _label_and_modality_files(path, options)
    samples = _LabelledIntervals(label_file, options.target_column)
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


def _label_and_modality_files(path: Path, options: Options) -> tuple[Path, dict[str, Path]]:
    """Return the label file, and the file of each modality by name."""
    files = _sequence_files(path)
    known = ", ".join(files) or "none"
    if options.labels is None:
        candidates = [stem for stem in files if "label" in stem.lower()]
        if len(candidates) != 1:
            raise DataError(f"{path}: expected one .csd file with labels, set option labels; files: {known}")
        labels = candidates[0]
    else:
        labels = options.labels
    names = [stem for stem in files if stem != labels] if options.modalities is None else options.modalities
    for name in (labels, *names):
        if name not in files:
            raise DataError(f"{path}: no file {name}.csd; files: {known}")
    if not names:
        raise DataError(f"{path}: no .csd file except the labels {labels}.csd, expected one per modality")
    return files[labels], {name: files[name] for name in names}


class _LabelledIntervals:
    """Content of the label file: one sample per label interval.

    Attributes
    ----------
    ids, videos : list of str
        Id and video of each sample.
    labels : array (n_samples,)
    intervals : dict of str to array (n, 2)
        Start and end in seconds of the samples of each video. The samples are in the order of this dict.
    """

    def __init__(self, path: Path, column: int) -> None:
        self.ids: list[str] = []
        self.videos: list[str] = []
        self.intervals: dict[str, FloatArray] = {}
        labels = []
        with open_hdf5(path) as file:
            root = _root(file)
            for video in file.names(root, "data"):
                features, intervals = _features_and_intervals(file, root, video)
                _check_labels(path, video, features, intervals, column)
                labels.append(features[:, column].astype(np.float64))
                self.intervals[video] = intervals
                self.videos.extend([video] * len(intervals))
                self.ids.extend(f"{video}[{k}]" for k in range(len(intervals)))
        if not self.ids:
            raise DataError(f"{path}: contains no label interval")
        self.labels = np.concatenate(labels)


def _check_labels(path: Path, video: str, features: AnyArray, intervals: FloatArray, column: int) -> None:
    """Raise `DataError` for the first invalid label or interval of a video."""
    where = f"{path}: video {video!r}"
    if column >= features.shape[1]:
        raise DataError(f"{where}: no label column {column}, expected 0 to {features.shape[1] - 1}")
    bad = np.flatnonzero(~(intervals[:, 0] < intervals[:, 1]))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: label interval {intervals[bad[0]].tolist()}, expected start < end")
    bad = np.flatnonzero(~np.isfinite(features[:, column].astype(np.float64)))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: label {features[bad[0], column]}, expected a finite number")


def _root(file: Hdf5Reader) -> str:
    """Return the name of the only top-level group of a file."""
    names = file.names()
    if len(names) != 1:
        raise DataError(f"{file.path}: {len(names)} top-level groups, expected one with the name of the sequence")
    return names[0]


def _features_and_intervals(file: Hdf5Reader, root: str, video: str) -> tuple[AnyArray, FloatArray]:
    """Return features (n, n_features) and intervals (n, 2) in seconds of one video."""
    features = file.matrix(root, "data", video, "features")
    intervals = file.matrix(root, "data", video, "intervals")
    where = f"{file.path}: video {video!r}"
    if features is None or intervals is None:
        raise DataError(f"{where}: no {'features' if features is None else 'intervals'}")
    if intervals.shape != (len(features), 2):
        raise DataError(f"{where}: intervals of shape {intervals.shape}, expected ({len(features)}, 2) as for features")
    intervals = intervals.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(intervals).all(axis=1))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: interval {intervals[bad[0]].tolist()}, expected finite seconds")
    return features, intervals


def _modality(path: Path, samples: _LabelledIntervals, nonfinite: str) -> list[AnyArray | None]:
    """Return the sequence of every sample, None if it has no row."""
    entries: list[AnyArray | None] = []
    width, n_rows, n_assigned = None, 0, 0
    with open_hdf5(path) as file:
        root = _root(file)
        videos = set(file.names(root, "data"))
        for video, label_intervals in samples.intervals.items():
            if video not in videos:
                entries.extend([None] * len(label_intervals))
                continue
            features, intervals = _features_and_intervals(file, root, video)
            if features.shape[1] != (width or features.shape[1]):
                raise DataError(f"{path}: video {video!r} has {features.shape[1]} features, expected {width} as before")
            rows_of_samples = _assign_rows(intervals, label_intervals)
            width, n_rows = features.shape[1], n_rows + len(features)
            n_assigned += sum(map(len, rows_of_samples))
            if n_assigned > max(ALWAYS_ALLOWED_ROWS, MAX_REPEATS * n_rows):
                raise DataError(f"{path}: video {video!r}: its label intervals overlap more than {MAX_REPEATS} times")
            features = _finite(f"{path}: video {video!r}", features, nonfinite)
            entries.extend(features[rows] if len(rows) else None for rows in rows_of_samples)
    return entries


def _assign_rows(intervals: FloatArray, label_intervals: FloatArray) -> list[AnyArray]:
    """Return, for each label interval, the indices of the rows whose midpoint it contains, in temporal order.

    With midpoints, a row never belongs to two adjacent label intervals, and a row that crosses a border is assigned to
    the interval that contains most of it.
    """
    # halve before adding to avoid overflow
    midpoints = intervals[:, 0] / 2 + intervals[:, 1] / 2
    order = np.argsort(midpoints, kind="stable")
    starts, ends = np.searchsorted(midpoints[order], label_intervals, side="left").T
    return [order[start:end] for start, end in zip(starts, ends, strict=True)]


def _finite(where: str, features: AnyArray, nonfinite: str) -> AnyArray:
    """Return features as float32, with non-finite values set to 0 or raising `DataError`."""
    # values too large for float32 become infinite
    with np.errstate(over="ignore"):
        values = features.astype(np.float32)
    is_finite = np.isfinite(values)
    if is_finite.all():
        return values
    if nonfinite == "error":
        row, column = np.argwhere(~is_finite)[0]
        raise DataError(
            f"{where}, row {row}, feature {column}: {features[row, column]}, expected a finite number; "
            "option nonfinite='zero' sets such values to zero"
        )
    return np.where(is_finite, values, np.float32(0))


def _target(labels: AnyArray, task: str) -> Target:
    if task == "regression":
        return Target.from_numbers(labels)
    return Target.from_labels(np.array(SIGNS)[np.sign(labels).astype(np.int64) + 1], SIGNS)
