"""Pickles of the MMSA and MulT families: ``unaligned_50.pkl`` of CMU-MOSI and the like, and ``iemocap_data.pkl``.

A file is a dict with the keys ``train``, ``valid`` and ``test``. Each value is a dict with

- ``text``, ``audio`` and ``vision``: features (n, time, features), padded with zeros;
- ``id``: sample ids (``video$_$clip``);
- ``regression_labels`` and ``classification_labels``;
- ``audio_lengths`` and ``vision_lengths``, in unaligned files;
- ``text_bert`` (optional): its second row is the mask of the text.

Files of the MulT family have ``labels`` in place of the last four: sentiment (n, 1, 1), or for each of several emotions
the indicators of its absence and presence (n, n_emotions, 2), which are a multi-label target. Their ``id`` is absent,
or contains video, start and end (n, 3). Without ids, samples are named by split and row, such as ``train_0``. If an id
occurs in several splits, the ids begin with the split, and a warning is issued.

The mask in ``text_bert`` gives the length of the text, and in aligned files the length of all modalities. Without
lengths, trailing time steps of zeros are padding. A sequence of length 0 is missing. A longer sequence of zeros is
observed, unless option ``blank`` is "missing". Other keys are ignored. Only arrays and plain containers are read from
the pickle; see `redcore.data.formats._unpickler`.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from redcore._settings import Settings
from redcore._types import AnyArray, IntArray
from redcore._validation import check_sample_ids
from redcore.data import MultimodalData, Target, concatenate
from redcore.data.formats._expected import Expected
from redcore.data.formats._unpickler import as_array, load_pickle
from redcore.exceptions import DataError, DataWarning, TargetError

__all__ = ["Options", "read", "read_for", "recognises"]

PARTS = ("train", "valid", "test")
MODALITIES = ("audio", "text", "vision")
LABELS = ("labels", "regression_labels", "classification_labels")
CLASS_NAMES = ("negative", "positive")
EMOTIONS = ("neutral", "happy", "sad", "angry")
"""Emotions of ``iemocap_data.pkl``, in the order of the MulT authors' evaluation."""


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    target : {"regression", "sign", "classification"}, default "regression"
        "regression": sentiment as a continuous target. "sign": its sign, with the classes negative (below 0) and
        positive (0 or more). "classification": the classes in ``classification_labels``.
    nonfinite : {"error", "zero"}, default "error"
        Treatment of NaN and infinite features: raise an error, or set them to 0, as the loader of the MMSA authors does
        with -inf in audio.
    blank : {"observed", "missing"}, default "observed"
        Treatment of sequences that consist of zeros only, which result from failed feature extraction.
    """

    target: Literal["regression", "sign", "classification"] = "regression"
    nonfinite: Literal["error", "zero"] = "error"
    blank: Literal["observed", "missing"] = "observed"


def recognises(path: Path) -> bool:
    """Return True if the path ends in ``.pkl`` or ``.pickle`` and is no folder."""
    return path.suffix.lower() in (".pkl", ".pickle") and not path.is_dir()


def read(path: Path, options: Options) -> MultimodalData:
    """Read one file with its split. The groups are the videos.

    Parameters
    ----------
    path : Path
    options : Options

    Raises
    ------
    DataError
        If the file is damaged, has another structure, or contains objects other than arrays and plain containers. The
        message names file, split and key.
    """
    data, labels = _read(path, options, needs_labels=True)
    try:
        return replace(data, target=_target(_concatenated(labels), options))
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def read_for(path: Path, options: Options, expected: Expected) -> MultimodalData:
    """Read one file for a model. Labels may be absent.

    Raises
    ------
    DataError
        As `read`.
    """
    if expected.needs_target:
        return expected.conform(path, read(path, options))
    data, labels = _read(path, options, needs_labels=False)
    target = expected.target(path, lambda: _target(_concatenated(labels), options)) if labels else None
    return expected.conform(path, replace(data, target=target))


def _read(path: Path, options: Options, needs_labels: bool) -> tuple[MultimodalData, list[AnyArray]]:
    """Return the data of all splits, without target, and their labels. There are none if a split has none."""
    content = load_pickle(path)
    if not isinstance(content, dict) or not any(part in content for part in PARTS):
        raise DataError(f"{path}: expected a dict with the keys {', '.join(PARTS)}")
    splits, labels = [], []
    for code, part in enumerate(PARTS):
        if part in content:
            data, values = _read_split(path, part, code, content[part], options, needs_labels)
            splits.append(data)
            labels += [] if values is None else [values]
    try:
        if any(not _is_mmsa(content[part]) for part in PARTS if part in content):
            splits = _with_unique_ids(path, splits)
        data = concatenate(splits)
        check_sample_ids(data.sample_ids, data.n_samples)
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None
    return data, labels if len(labels) == len(splits) else []


def _is_mmsa(content: dict[str, Any]) -> bool:
    """Return True if a split has the keys of MMSA, in which an id occurs only once in a file."""
    return "id" in content and "labels" not in content


def _read_split(
    path: Path, part: str, code: int, content: Any, options: Options, needs_labels: bool
) -> tuple[MultimodalData, AnyArray | None]:
    """Return the data of one split, without target, and its labels, (n_samples,) or (n_samples, n_emotions)."""
    where = f"{path}: split {part!r}"
    if not isinstance(content, dict):
        raise DataError(f"{where} is a {type(content).__name__}, expected a dict")
    has_labels = needs_labels or any(key in content for key in LABELS)
    ids, groups = _ids(where, part, content, has_labels)
    modalities = {name: _features(where, content, name, options) for name in MODALITIES if name in content}
    if not modalities:
        raise DataError(f"{where}: no modality; expected {', '.join(MODALITIES)}, got the keys {_key_list(content)}")
    lengths = {name: _lengths(where, content, name, values, options) for name, values in modalities.items()}
    labels = _labels(where, content, len(ids), options) if has_labels else None
    try:
        data = MultimodalData.from_arrays(
            modalities,
            lengths=lengths,
            groups=groups,
            sample_ids=ids,
            split=np.full(len(ids), code),
        )
    except DataError as error:
        raise type(error)(f"{where}: {error}") from None
    return data, labels


def _with_unique_ids(path: Path, splits: list[MultimodalData]) -> list[MultimodalData]:
    """Return the splits with the name of the split before each id, if ids occur in several splits."""
    ids = [set(data.sample_ids.tolist()) for data in splits]
    n_repeated = sum(map(len, ids)) - len(set().union(*ids))
    if not n_repeated:
        return splits
    text = f"{path}: {n_repeated} sample ids occur in several splits; ids begin with the name of the split"
    warnings.warn(DataWarning(text), stacklevel=2)
    parts = [PARTS[int(data.split[0])] for data in splits if data.split is not None]
    return [
        replace(data, sample_ids=np.array([f"{part}_{name}" for name in data.sample_ids]))
        for part, data in zip(parts, splits, strict=True)
    ]


def _key_list(content: dict[str, Any]) -> str:
    return ", ".join(key if key.isprintable() else ascii(key) for key in content)[:200] or "(none)"


def _ids(where: str, part: str, content: dict[str, Any], has_labels: bool) -> tuple[AnyArray, AnyArray | None]:
    """Return the ids and the groups (videos) of all samples; the groups are None without ids."""
    first = "labels" if has_labels else next((name for name in MODALITIES if name in content), "id")
    if "id" not in content and first in content:
        n_samples = len(np.atleast_1d(_array(where, content, first)))
        return np.array([f"{part}_{row}" for row in range(n_samples)], dtype=str), None
    ids = _array(where, content, "id")
    has_times = ids.ndim == 2 and len(ids) > 0 and ids.shape[1] > 1 and ids.dtype.kind in "US"
    if has_times and ("labels" in content or not has_labels):
        # video, start and end
        parts = _text(where, ids)
        return _checked_ids(where, np.array(["_".join(row) for row in parts.tolist()])), parts[:, 0]
    if ids.ndim != 1 or not len(ids) or ids.dtype.kind not in "USiu":
        raise DataError(f"{where}, key 'id': {ids.dtype} of shape {ids.shape}, expected one text per sample")
    ids = _checked_ids(where, _text(where, ids))
    return ids, np.array([name.partition("$_$")[0] for name in ids])


def _text(where: str, ids: AnyArray) -> AnyArray:
    try:
        return np.char.decode(ids, "utf-8") if ids.dtype.kind == "S" else ids.astype(str)
    except UnicodeDecodeError:
        raise DataError(f"{where}, key 'id': ids are not UTF-8 text") from None


def _checked_ids(where: str, ids: AnyArray) -> AnyArray:
    for row, name in enumerate(ids.tolist()):
        if not name or not name.isprintable():
            raise DataError(f"{where}, key 'id', row {row}: {name[:80]!a} cannot be an id")
    return ids


def _array(where: str, content: dict[str, Any], key: str) -> AnyArray:
    if key not in content:
        raise DataError(f"{where}: no key {key!r}; keys: {_key_list(content)}")
    try:
        array = as_array(content[key])
    except ValueError as error:
        raise DataError(f"{where}, key {key!r}: {error}") from None
    if array is None:
        raise DataError(f"{where}, key {key!r}: a {type(content[key]).__name__}, expected an array or a plain list")
    return array


def _labels(where: str, content: dict[str, Any], n_samples: int, options: Options) -> AnyArray:
    key = "classification_labels" if options.target == "classification" else "regression_labels"
    if key not in content and "labels" in content and options.target != "classification":
        return _mult_labels(where, _array(where, content, "labels"), n_samples)
    labels = _array(where, content, key)
    if labels.shape != (n_samples,) or labels.dtype.kind not in "iuf":
        raise DataError(f"{where}, key {key!r}: {labels.dtype} of shape {labels.shape}, expected {n_samples} numbers")
    return labels.astype(np.float64)


def _mult_labels(where: str, labels: AnyArray, n_samples: int) -> AnyArray:
    """Return sentiment (n_samples,), or one column per emotion with 1 if it is present, (n_samples, n_emotions)."""
    where = f"{where}, key 'labels'"
    if labels.dtype.kind not in "iuf" or labels.ndim not in (1, 2, 3) or len(labels) != n_samples:
        raise DataError(f"{where}: {labels.dtype} of shape {labels.shape}, expected numbers of {n_samples} samples")
    if labels.size == n_samples:
        return labels.astype(np.float64).reshape(n_samples)
    if labels.ndim != 3 or labels.shape[2] != 2:
        raise DataError(f"{where}: shape {labels.shape}, expected (n, 1, 1) or (n, n_emotions, 2)")
    bad = np.argwhere(~np.isin(labels, (0, 1)).all(axis=2) | (labels.sum(axis=2) != 1))
    if bad.size:
        raise DataError(f"{where}, row {bad[0][0]}: expected 0 and 1, or 1 and 0, for each emotion")
    return labels[:, :, 1].astype(np.float64)


def _concatenated(labels: list[AnyArray]) -> AnyArray:
    shapes = {array.shape[1:] for array in labels}
    if len(shapes) > 1:
        raise TargetError(f"labels of the splits have different shapes: {', '.join(map(str, sorted(shapes)))}")
    return np.concatenate(labels)


def _features(where: str, content: dict[str, Any], name: str, options: Options) -> AnyArray:
    values = _array(where, content, name)
    if values.ndim != 3 or values.dtype.kind not in "fiu":
        raise DataError(
            f"{where}, modality {name!r}: {values.dtype} of shape {values.shape}, expected (n, time, features)"
        )
    if options.nonfinite == "zero" and not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, 0.0)
    return values


def _lengths(where: str, content: dict[str, Any], name: str, values: AnyArray, options: Options) -> IntArray:
    """Return the length of each sequence, int (n_samples,), 0 if it is missing."""
    n_samples, n_steps = values.shape[:2]
    is_aligned = not any(f"{other}_lengths" in content for other in MODALITIES)
    if f"{name}_lengths" in content:
        lengths = _array(where, content, f"{name}_lengths")
    elif "text_bert" in content and (name == "text" or is_aligned):
        lengths = _text_lengths(where, content)
    else:
        lengths = _lengths_without_padding(values)
    if lengths.shape != (n_samples,) or lengths.dtype.kind not in "fiu":
        raise DataError(
            f"{where}, lengths of {name!r}: {lengths.dtype} of shape {lengths.shape}, expected {n_samples} numbers"
        )
    bad = np.flatnonzero(~((lengths >= 0) & (lengths <= n_steps) & (lengths == np.floor(lengths))))
    if bad.size:
        raise DataError(
            f"{where}, row {bad[0]}: length of {name!r} is {lengths[bad[0]]:g}, expected an integer from 0 to {n_steps}"
        )
    if options.blank == "missing":
        lengths = np.where(_lengths_without_padding(values) == 0, 0, lengths)
    return lengths.astype(np.int64)


def _text_lengths(where: str, content: dict[str, Any]) -> IntArray:
    """Return the number of word pieces of each text: the sum of the mask in the second row of ``text_bert``."""
    bert = _array(where, content, "text_bert")
    if bert.ndim != 3 or bert.shape[1] != 3 or bert.dtype.kind not in "fiu":
        raise DataError(f"{where}, key 'text_bert' has shape {bert.shape}, expected (n, 3, time)")
    return np.asarray((bert[:, 1] > 0).sum(axis=1))


def _lengths_without_padding(values: AnyArray) -> IntArray:
    """Return the lengths of the sequences without trailing time steps of zeros."""
    filled = (values != 0).any(axis=2)
    steps = np.arange(1, values.shape[1] + 1)
    return np.asarray((filled * steps).max(axis=1, initial=0))


def _target(labels: AnyArray, options: Options) -> Target:
    if labels.ndim == 2:
        if options.target == "sign":
            raise TargetError("labels are emotions, which have no sign; expected target 'regression' (the default)")
        names = EMOTIONS if labels.shape[1] == len(EMOTIONS) else None
        return Target.from_multilabel(labels, names)
    bad = np.flatnonzero(~np.isfinite(labels))
    if options.target == "classification":
        bad = np.flatnonzero(~((np.abs(labels) < 2**31) & (labels == np.floor(labels))))
    if bad.size:
        expected = "a class number" if options.target == "classification" else "a finite number"
        raise TargetError(f"the label of row {bad[0]} is {labels[bad[0]]:g}, expected {expected}")
    if options.target == "regression":
        return Target.from_numbers(labels)
    if options.target == "sign":
        return Target.from_labels(np.array(CLASS_NAMES)[(labels >= 0).astype(int)], CLASS_NAMES)
    return Target.from_labels(labels.astype(np.int64))
