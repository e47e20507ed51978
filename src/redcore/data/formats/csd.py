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

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray, FloatArray
from redcore.data import MultimodalData, Target
from redcore.data._csv import names_from_text
from redcore.data.formats._expected import Expected
from redcore.data.formats._hdf5 import Hdf5Reader, open_hdf5
from redcore.exceptions import DataError, DataWarning

__all__ = ["Options", "read", "read_for", "recognises"]

MAX_REPEATS, ALWAYS_ALLOWED_ROWS = 16, 10**5
"""Overlapping label intervals may repeat each row `MAX_REPEATS` times on average; `ALWAYS_ALLOWED_ROWS` are allowed."""
SIGNS = ("negative", "zero", "positive")


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
    modalities: Annotated[tuple[str, ...], BeforeValidator(names_from_text), Field(min_length=1)] | None = None
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
    samples = _Intervals.of_labels(label_file, options.target_column)
    return _data(path, options, modality_files, samples, _target(samples.labels, options.task))


def read_for(path: Path, options: Options, expected: Expected) -> MultimodalData:
    """Read a folder of computational sequences for a model. Labels may be absent.

    Without a label file, every video is one sample, with the video as its id.

    Raises
    ------
    DataError
        As `read`.

    Warns
    -----
    DataWarning
        If there is no label file.
    """
    files = _sequence_files(path)
    has_file = options.labels in files or (options.labels is None and any("label" in name.lower() for name in files))
    if expected.needs_target or has_file:
        label_file, modality_files = _label_and_modality_files(path, options)
        samples = _Intervals.of_labels(label_file, options.target_column, expected.needs_target)
        labels = samples.labels
        is_labelled = expected.needs_target or not np.isnan(labels).all()
        target = expected.target(path, lambda: _target(labels, options.task)) if is_labelled else None
        return expected.conform(path, _data(path, options, modality_files, samples, target))
    text = f"{path}: no .csd file with labels and their intervals: every video is one sample"
    warnings.warn(DataWarning(text), stacklevel=2)
    modality_files = {name: _file(path, files, name) for name in options.modalities or files}
    samples = _Intervals.of_videos(modality_files.values())
    return expected.conform(path, _data(path, options, modality_files, samples, None))


def _data(
    path: Path, options: Options, files: Mapping[str, Path], samples: "_Intervals", target: Target | None
) -> MultimodalData:
    modalities = {name: _modality(file, samples, options.nonfinite) for name, file in files.items()}
    try:
        return MultimodalData.from_arrays(
            modalities,
            target,
            groups=samples.videos,
            sample_ids=samples.ids,
        )
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def _sequence_files(path: Path) -> dict[str, Path]:
    files = sorted(path.iterdir()) if path.is_dir() else []
    return {file.stem: file for file in files if file.suffix.lower() == ".csd"}


def _file(path: Path, files: Mapping[str, Path], name: str) -> Path:
    if name not in files:
        raise DataError(f"{path}: no file {name}.csd; files: {', '.join(files) or 'none'}")
    return files[name]


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
        _file(path, files, name)
    if not names:
        raise DataError(f"{path}: no .csd file except the labels {labels}.csd, expected one per modality")
    return files[labels], {name: files[name] for name in names}


@dataclass(frozen=True, eq=False)
class _Intervals:
    """Intervals of the samples.

    Attributes
    ----------
    intervals : dict of str to array (n, 2)
        Start and end in seconds of the samples of each video. The samples are in the order of this dict.
    ids : list of str
        Id of each sample.
    labels : array (n_samples,)
        NaN for absent labels.
    """

    intervals: dict[str, FloatArray]
    ids: list[str]
    labels: AnyArray

    @classmethod
    def of_labels(cls, path: Path, column: int, needs_labels: bool = True) -> Self:
        """Read the label file: one sample per label interval. Without `needs_labels`, labels may be NaN."""
        intervals, labels = {}, []
        with open_hdf5(path) as file:
            root = _root(file)
            for video in file.names(root, "data"):
                features, intervals[video] = _features_and_intervals(file, root, video)
                _check_labels(path, video, features, intervals[video], column, needs_labels)
                labels.append(features[:, column].astype(np.float64))
        if not labels or not sum(map(len, labels)):
            raise DataError(f"{path}: contains no label interval")
        ids = [f"{video}[{k}]" for video, rows in intervals.items() for k in range(len(rows))]
        return cls(intervals, ids, np.concatenate(labels))

    @classmethod
    def of_videos(cls, paths: Iterable[Path]) -> Self:
        """Return one sample per video of the files, without labels."""
        videos: set[str] = set()
        for path in paths:
            with open_hdf5(path) as file:
                videos.update(file.names(_root(file), "data"))
        whole = np.array([[-np.inf, np.inf]])
        return cls(dict.fromkeys(sorted(videos), whole), sorted(videos), np.full(len(videos), np.nan))

    @property
    def videos(self) -> list[str]:
        """Video of each sample."""
        return [video for video, rows in self.intervals.items() for _ in rows]


def _check_labels(
    path: Path, video: str, features: AnyArray, intervals: FloatArray, column: int, needs_labels: bool
) -> None:
    """Raise `DataError` for the first invalid label or interval of a video."""
    where = f"{path}: video {video!r}"
    if column >= features.shape[1]:
        raise DataError(f"{where}: no label column {column}, expected 0 to {features.shape[1] - 1}")
    bad = np.flatnonzero(~(intervals[:, 0] < intervals[:, 1]))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: label interval {intervals[bad[0]].tolist()}, expected start < end")
    labels = features[:, column].astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(labels) & (needs_labels | ~np.isnan(labels)))
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


def _modality(path: Path, samples: _Intervals, nonfinite: str) -> list[AnyArray | None]:
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
    numbers = Target.from_numbers(labels)
    if task == "regression":
        return numbers
    return Target.from_labels(np.array(SIGNS)[np.sign(labels).astype(np.int64) + 1], SIGNS)
