"""HDF5 folders of IEMOCAP and MSP-IMPROV, as distributed with the MMIN family of methods.

::

    A/comparE.h5             audio: one array (time, n_features) per utterance id; or comparE_raw.h5
    A/comparE_mean_std.h5    optional: "mean" and "std" (n_features,) of the training split per fold ("1", "2", ...)
    L/bert_large.h5          text
    V/denseface.h5           video
    target/<fold>/<part>_int2name.npy    utterance ids of split trn, val or tst: text, or rows of one bytes string
    target/<fold>/<part>_label.npy       classes of these utterances: one-hot rows, or class numbers from 0

A modality is missing for an utterance that is absent from its file or has no time steps. Video frames without a face
are rows of zeros and are not changed.
"""

import warnings
from pathlib import Path
from tokenize import TokenError
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.data._csv import names_from_text
from redcore.data.formats._expected import Expected
from redcore.data.formats._hdf5 import Hdf5Reader, open_hdf5
from redcore.exceptions import DataError

__all__ = ["PARTS", "Options", "read", "read_for", "recognises"]

PARTS = ("trn", "val", "tst")
"""Names of the training, validation and test splits in the files."""
FOLDERS = {"audio": "A", "text": "L", "video": "V"}
FEATURES = {"audio": ("comparE", "comparE_raw"), "text": ("bert_large",), "video": ("denseface",)}
# exceptions that NumPy raises for damaged files
READ_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    TokenError,
    EOFError,
    MemoryError,
    RuntimeError,
    ArithmeticError,
)

Stem = Annotated[str, Field(pattern=r"^[\w.-]+$")]


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    fold : int >= 1, default 1
        Number of the official split.
    class_names : tuple of str, optional
        Class names in the order of the class numbers. Default: the class numbers.
    normalise_audio : bool, default False
        If True, audio features are standardised with the mean and standard deviation of the fold in
        ``<audio>_mean_std.h5``.
    audio, text, video : str, optional
        Name of the feature file of each modality without suffix. Default: comparE or, if it does not exist,
        comparE_raw; bert_large; denseface.
    """

    fold: int = Field(default=1, ge=1)
    class_names: Annotated[tuple[str, ...], BeforeValidator(names_from_text)] | None = None
    normalise_audio: bool = False
    audio: Stem | None = None
    text: Stem | None = None
    video: Stem | None = None


def recognises(path: Path) -> bool:
    """Return True if the path is a folder with ``target`` and at least one of ``A``, ``L`` and ``V``."""
    return (path / "target").is_dir() and any((path / folder).is_dir() for folder in FOLDERS.values())


def read(path: Path, options: Options) -> MultimodalData:
    """Read one fold.

    Parameters
    ----------
    path : Path
        Folder with ``A``, ``L``, ``V`` and ``target``.
    options : Options

    Returns
    -------
    MultimodalData
        Modalities ``audio``, ``text`` and ``video`` as sequences, without modalities that have no file. The split is
        that of the fold.

    Raises
    ------
    DataError
        If the fold or all feature files do not exist, or if a file is damaged. The message names file and utterance.
    """
    names, labels, split = _read_fold(path, options.fold)
    return _data(path, options, names, _target(path, options, labels), split)


def read_for(path: Path, options: Options, expected: Expected) -> MultimodalData:
    """Read one fold for a model. Labels may be absent.

    Without the folder ``target``, the samples are all utterances of the feature files, and the data has no split.

    Raises
    ------
    DataError
        As `read`.
    """
    if expected.needs_target:
        return expected.conform(path, read(path, options))
    if not (path / "target").exists():
        return expected.conform(path, _data(path, options, _utterances(path, options), None, None))
    if any((path / "target" / str(options.fold)).glob("*_label.npy")):
        names, labels, split = _read_fold(path, options.fold)
        target = expected.target(path, lambda: _target(path, options, labels))
    else:
        names, split = _utterances_of_fold(path, options.fold)
        target = None
    return expected.conform(path, _data(path, options, names, target, split))


def _data(
    path: Path, options: Options, names: list[str], target: Target | None, split: IntArray | None
) -> MultimodalData:
    modalities = {name: _modality(file, name, names) for name, file in _feature_files(path, options).items()}
    if options.normalise_audio:
        modalities["audio"] = _standardised(path, options, modalities.get("audio"))
    try:
        return MultimodalData.from_arrays(modalities, target, sample_ids=names, split=split)
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def _utterances(path: Path, options: Options) -> list[str]:
    """Return the sorted utterance ids of all feature files."""
    names: set[str] = set()
    for file in _feature_files(path, options).values():
        with open_hdf5(file) as reader:
            names.update(reader.names())
    return sorted(names)


def _read_fold(path: Path, fold: int) -> tuple[list[str], AnyArray, IntArray]:
    """Return utterance ids, labels and split codes of a fold, over all splits."""
    folder = _fold_folder(path, fold)
    names, split = _utterances_of_fold(path, fold)
    counts = np.bincount(split, minlength=len(PARTS)).tolist()
    labels = [_labels(folder / f"{part}_label.npy", count) for part, count in zip(PARTS, counts, strict=True)]
    widths = sorted({array.shape[1:] for array in labels})
    if len(widths) > 1:
        raise DataError(f"{folder}: labels of different shapes, {' and '.join(map(str, widths))} per utterance")
    return names, np.concatenate(labels), split


def _utterances_of_fold(path: Path, fold: int) -> tuple[list[str], IntArray]:
    """Return utterance ids and split codes of a fold, over all splits."""
    names = [_names(_fold_folder(path, fold) / f"{part}_int2name.npy") for part in PARTS]
    split = np.repeat(np.arange(len(PARTS)), [len(one) for one in names])
    return [name for one in names for name in one], split


def _fold_folder(path: Path, fold: int) -> Path:
    folder = path / "target" / str(fold)
    if not folder.is_dir():
        folders = sorted((path / "target").glob("*/"), key=lambda folder: (len(folder.name), folder.name))
        known = ", ".join(folder.name for folder in folders[:20]) or "none"
        raise DataError(f"{path}: no fold {fold} in folder target; folds: {known}")
    return folder


def _npy(path: Path) -> AnyArray:
    """Read a NumPy file without trusting the size that it declares."""
    try:
        # NumPy warns about files written with Python 2, which users cannot change
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # a memory-mapped array cannot be larger than its file or contain pickled objects
            array = np.lib.format.open_memmap(path, mode="r")
        if array.size and not array.dtype.itemsize:
            raise DataError(f"{path}: {array.size} entries without content")
        return np.array(array)
    except DataError:
        raise
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable NumPy array: absent, truncated or damaged ({reason})") from None


def _names(path: Path) -> list[str]:
    array = _npy(path)
    if array.dtype.kind not in "SU" or array.shape not in ((len(array),), (len(array), 1)):
        raise DataError(f"{path}: {array.dtype} of shape {array.shape}, expected one text per utterance")
    try:
        entries = array.ravel().tolist()
        names = [entry.decode() if isinstance(entry, bytes) else entry for entry in entries]
    except ValueError:
        raise DataError(f"{path}: contains utterance ids that are not UTF-8 text") from None
    for row, name in enumerate(names):
        if not name.isprintable() or not name.strip("./") or "/" in name:
            raise DataError(f"{path}: row {row}: {name!a} cannot be an utterance id")
    return names


def _labels(path: Path, n_rows: int) -> AnyArray:
    """Return class numbers (n_rows,) or one-hot rows (n_rows, n_classes)."""
    array = _npy(path)
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2) or array.shape[1:] == (0,):
        raise DataError(f"{path}: {array.dtype} of shape {array.shape}, expected class numbers or one-hot rows")
    if len(array) != n_rows:
        raise DataError(f"{path}: {len(array)} labels, expected {n_rows} (one per utterance id)")
    if array.ndim == 2 and array.shape[1] > 1:
        is_valid = np.isin(array, (0, 1)).all(axis=1) & (array.sum(axis=1) == 1)
        expected = "a one-hot row"
    else:
        array = array.reshape(n_rows)
        is_valid = np.isfinite(array) & (array >= 0) & (array == np.floor(array)) & (array < 2**31)
        expected = "a class number from 0"
    bad = np.flatnonzero(~is_valid)
    if bad.size:
        raise DataError(f"{path}: the label of row {bad[0]} is {array[bad[0]].tolist()}, expected {expected}")
    return array


def _target(path: Path, options: Options, labels: AnyArray) -> Target:
    names = options.class_names
    codes = labels.argmax(axis=1) if labels.ndim == 2 else labels.astype(np.int64)
    n_classes = labels.shape[1] if labels.ndim == 2 else None
    if names is None:
        return Target.from_labels(codes, None if n_classes is None else np.arange(n_classes))
    if (n_classes or len(names)) != len(names) or codes.max(initial=0) >= len(names):
        n_in_labels = n_classes or codes.max() + 1
        raise DataError(f"{path}: labels of {n_in_labels} classes in folder target, but {len(names)} class_names")
    return Target.from_labels(np.array(names)[codes], names)


def _feature_files(path: Path, options: Options) -> dict[str, Path]:
    """Return the feature file of every modality that has one."""
    feature_files = {}
    for name, folder in FOLDERS.items():
        requested = getattr(options, name)
        files = [path / folder / f"{stem}.h5" for stem in ([requested] if requested else FEATURES[name])]
        existing = [file for file in files if file.exists()]
        if requested and not existing:
            raise DataError(f"{files[0]}: no such file, requested by option {name}")
        if existing:
            feature_files[name] = existing[0]
    if not feature_files:
        expected = ", ".join(f"{FOLDERS[name]}/{stems[0]}.h5" for name, stems in FEATURES.items())
        raise DataError(f"{path}: contains no feature file; expected at least one of {expected}")
    return feature_files


def _modality(path: Path, name: str, utterances: list[str]) -> list[AnyArray | None]:
    """Return the sequence of every utterance, None if the file does not contain it."""
    sequences: list[AnyArray | None] = []
    width = None
    with open_hdf5(path) as file:
        for row, utterance in enumerate(utterances):
            array = _sequence(file, utterance)
            if array is not None and array.shape[1] != (width or array.shape[1]):
                raise DataError(
                    f"{path}: modality {name!r}, row {row}, utterance {utterance!r} has {array.shape[1]} features, "
                    f"expected {width} as before"
                )
            width = width if array is None else array.shape[1]
            sequences.append(array)
    return sequences


def _sequence(file: Hdf5Reader, utterance: str) -> AnyArray | None:
    array = file.matrix(utterance)
    if array is None or not len(array):
        return None
    # values too large for float32 become infinite and are reported by the validation of features
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _standardised(path: Path, options: Options, sequences: list[AnyArray | None] | None) -> list[AnyArray | None]:
    """Return audio standardised with the mean and standard deviation of the fold."""
    if sequences is None:
        raise DataError(f"{path}: option normalise_audio needs an audio file, found none")
    stem = _feature_files(path, options)["audio"].stem
    mean, std = _mean_std(path / "A" / f"{stem}_mean_std.h5", options.fold)
    n_features = next((array.shape[1] for array in sequences if array is not None), len(mean))
    if len(mean) != n_features:
        raise DataError(f"{path}: mean and std have {len(mean)} features, expected {n_features} as audio")
    with np.errstate(over="ignore"):
        return [None if array is None else ((array - mean) / std).astype(np.float32) for array in sequences]


def _mean_std(path: Path, fold: int) -> tuple[AnyArray, AnyArray]:
    with open_hdf5(path) as file:
        mean, std = file.vector(str(fold), "mean"), file.vector(str(fold), "std")
    if mean is None or std is None:
        raise DataError(f"{path}: no mean and std of fold {fold}")
    if mean.shape != std.shape or not np.isfinite(mean).all() or not (np.isfinite(std) & (std > 0)).all():
        raise DataError(f"{path}: invalid mean or std of fold {fold}, expected finite numbers of equal length, std > 0")
    return mean.astype(np.float64), std.astype(np.float64)
