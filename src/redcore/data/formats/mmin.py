"""HDF5 folders in the form in which the MMIN family of methods shares IEMOCAP and MSP-IMPROV.

::

    A/comparE.h5             audio: one array (time, n_features) per utterance id; or comparE_raw.h5
    A/comparE_mean_std.h5    optional: per fold ("1", "2", ...) the training "mean" and "std", (n_features,)
    L/bert_large.h5          text
    V/denseface.h5           video
    target/<fold>/<part>_int2name.npy    utterance ids of part trn, val or tst: text, or rows of one bytes string
    target/<fold>/<part>_label.npy       their classes: one-hot rows, or numbers from 0

An utterance that a file lacks, or that has no time step there, lacks the modality. Video frames without a face are
rows of zeros, and are left so.
"""

import warnings
from pathlib import Path
from tokenize import TokenError
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.data.formats._hdf5 import Hdf5Reader, opened
from redcore.exceptions import DataError

__all__ = ["PARTS", "Options", "read", "recognises"]

PARTS = ("trn", "val", "tst")
"""Training, validation and test, as the files name them."""
FOLDERS = {"audio": "A", "text": "L", "video": "V"}
FEATURES = {"audio": ("comparE", "comparE_raw"), "text": ("bert_large",), "video": ("denseface",)}
# by these NumPy tells that a file is not what it should be
UNREADABLE = (
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


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Options(Settings):
    """Which fold, and which of the feature files.

    Attributes
    ----------
    fold : int, 1 or more, default 1
        Which of the official splits.
    class_names : names, optional
        In the order of the class numbers. Default: the numbers.
    normalise_audio : bool, default False
        Whether audio is brought to mean 0 and deviation 1 with the numbers of the fold in ``<audio>_mean_std.h5``.
    audio, text, video : str, optional
        Name of the feature file without its ending. Default: comparE, or else comparE_raw; bert_large; denseface.
    """

    fold: int = Field(default=1, ge=1)
    class_names: Annotated[tuple[str, ...], BeforeValidator(_listed)] | None = None
    normalise_audio: bool = False
    audio: Stem | None = None
    text: Stem | None = None
    video: Stem | None = None


def recognises(path: Path) -> bool:
    """Whether the path is a folder with ``target`` and at least one of ``A``, ``L`` and ``V``."""
    return (path / "target").is_dir() and any((path / folder).is_dir() for folder in FOLDERS.values())


def read(path: Path, options: Options) -> MultimodalData:
    """Read one fold.

    Parameters
    ----------
    path : Path
        The folder that holds ``A``, ``L``, ``V`` and ``target``.
    options : Options

    Returns
    -------
    MultimodalData
        Modalities audio, text and video, sequences; one that has no file is left out. The split is the fold's.

    Raises
    ------
    DataError
        If the fold does not exist, no feature file does, or one is damaged; the message names file and utterance.
    """
    names, labels, split = _fold(path, options.fold)
    target = _target(path, options, labels)
    modalities = {name: _modality(file, name, names) for name, file in _feature_files(path, options).items()}
    if options.normalise_audio:
        modalities["audio"] = _normalised(path, options, modalities.get("audio"))
    try:
        return MultimodalData.from_arrays(modalities, target, sample_ids=names, split=split)
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def _fold(path: Path, fold: int) -> tuple[list[str], AnyArray, IntArray]:
    """Return utterance ids, labels and split of a fold."""
    folder = path / "target" / str(fold)
    if not folder.is_dir():
        folders = sorted((path / "target").glob("*/"), key=lambda found: (len(found.name), found.name))
        known = ", ".join(found.name for found in folders[:20]) or "none"
        raise DataError(f"{path}: no fold {fold} in its folder target; folds: {known}")
    names: list[str] = []
    labels, split = [], []
    for code, part in enumerate(PARTS):
        of_part = _names(folder / f"{part}_int2name.npy")
        labels.append(_labels(folder / f"{part}_label.npy", len(of_part)))
        names.extend(of_part)
        split.append(np.full(len(of_part), code, dtype=np.int64))
    widths = sorted({array.shape[1:] for array in labels})
    if len(widths) > 1:
        raise DataError(f"{folder}: labels of different form, {' and '.join(map(str, widths))} per utterance")
    return names, np.concatenate(labels), np.concatenate(split)


def _npy(path: Path) -> AnyArray:
    """Read a NumPy file, trusting no size that it declares."""
    try:
        # what Python 2 wrote is read with a warning, which concerns nobody
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # a mapped file cannot be larger than the file itself, and cannot hold pickled objects
            array = np.lib.format.open_memmap(path, mode="r")
        if array.size and not array.dtype.itemsize:
            raise DataError(f"{path}: {array.size} entries of no bytes")
        return np.array(array)
    except DataError:
        raise
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: no readable NumPy array: absent, truncated, or of another form ({reason})") from None


def _names(path: Path) -> list[str]:
    array = _npy(path)
    if array.dtype.kind not in "SU" or array.shape not in ((len(array),), (len(array), 1)):
        raise DataError(f"{path}: {array.dtype} of shape {array.shape}, expected one text per utterance")
    try:
        entries = array.ravel().tolist()
        names = [entry.decode() if isinstance(entry, bytes) else entry for entry in entries]
    except ValueError:
        raise DataError(f"{path}: holds utterance ids that are not text in UTF-8") from None
    for row, name in enumerate(names):
        if not name.isprintable() or not name.strip("./") or "/" in name:
            raise DataError(f"{path}: row {row}: {name!a} cannot be an utterance id")
    return names


def _labels(path: Path, n_rows: int) -> AnyArray:
    """Return classes, (n_rows,), or one-hot rows, (n_rows, n_classes)."""
    array = _npy(path)
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2) or array.shape[1:] == (0,):
        raise DataError(f"{path}: {array.dtype} of shape {array.shape}, expected class numbers or one-hot rows")
    if len(array) != n_rows:
        raise DataError(f"{path}: {len(array)} labels for {n_rows} utterance ids")
    if array.ndim == 2 and array.shape[1] > 1:
        good = np.isin(array, (0, 1)).all(axis=1) & (array.sum(axis=1) == 1)
        expected = "one 1 among zeros"
    else:
        array = array.reshape(n_rows)
        good = np.isfinite(array) & (array >= 0) & (array == np.floor(array)) & (array < 2**31)
        expected = "a class number from 0"
    bad = np.flatnonzero(~good)
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
        n_found = n_classes or codes.max() + 1
        raise DataError(f"{path}: labels of {n_found} classes in its folder target, but {len(names)} class_names")
    return Target.from_labels(np.array(names)[codes], names)


def _feature_files(path: Path, options: Options) -> dict[str, Path]:
    """Return the file of every modality that has one."""
    found = {}
    for name, folder in FOLDERS.items():
        wanted = getattr(options, name)
        files = [path / folder / f"{stem}.h5" for stem in ([wanted] if wanted else FEATURES[name])]
        existing = [file for file in files if file.exists()]
        if wanted and not existing:
            raise DataError(f"{files[0]}: no such file, asked for by option {name}")
        if existing:
            found[name] = existing[0]
    if not found:
        expected = ", ".join(f"{FOLDERS[name]}/{stems[0]}.h5" for name, stems in FEATURES.items())
        raise DataError(f"{path}: holds no feature file; expected at least one of {expected}")
    return found


def _modality(path: Path, name: str, utterances: list[str]) -> list[AnyArray | None]:
    """Return the sequence of every utterance, None where the file has none."""
    sequences: list[AnyArray | None] = []
    width = None
    with opened(path) as file:
        for row, utterance in enumerate(utterances):
            array = _sequence(file, utterance)
            if array is not None and array.shape[1] != (width or array.shape[1]):
                raise DataError(
                    f"{path}: modality {name!r}, row {row}, utterance {utterance!r} has {array.shape[1]} features, "
                    f"those before it {width}"
                )
            width = width if array is None else array.shape[1]
            sequences.append(array)
    return sequences


def _sequence(file: Hdf5Reader, utterance: str) -> AnyArray | None:
    array = file.matrix(utterance)
    if array is None or not len(array):
        return None
    # too large a number becomes infinite, and is named as that later
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _normalised(path: Path, options: Options, sequences: list[AnyArray | None] | None) -> list[AnyArray | None]:
    """Return audio standardised by the mean and deviation that come with the fold."""
    if sequences is None:
        raise DataError(f"{path}: option normalise_audio, but there is no audio")
    stem = _feature_files(path, options)["audio"].stem
    mean, std = _mean_std(path / "A" / f"{stem}_mean_std.h5", options.fold)
    n_features = next((array.shape[1] for array in sequences if array is not None), len(mean))
    if len(mean) != n_features:
        raise DataError(f"{path}: audio has {n_features} features, its mean and std {len(mean)}")
    with np.errstate(over="ignore"):
        return [None if array is None else ((array - mean) / std).astype(np.float32) for array in sequences]


def _mean_std(path: Path, fold: int) -> tuple[AnyArray, AnyArray]:
    with opened(path) as file:
        mean, std = file.vector(str(fold), "mean"), file.vector(str(fold), "std")
    if mean is None or std is None:
        raise DataError(f"{path}: no mean and std of fold {fold}")
    if mean.shape != std.shape or not np.isfinite(mean).all() or not (np.isfinite(std) & (std > 0)).all():
        raise DataError(f"{path}: mean and std of fold {fold} are not finite numbers, std above 0, of the same length")
    return mean.astype(np.float64), std.astype(np.float64)
