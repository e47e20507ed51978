"""Pickles of the MMSA family: ``unaligned_50.pkl``, ``aligned_50.pkl`` of CMU-MOSI, CMU-MOSEI and CH-SIMS.

A dict with ``train``, ``valid`` and ``test``; each a dict of ``text``, ``audio`` and ``vision``, (n, time, features)
padded with zeros, ``id`` (``video$_$clip``), ``regression_labels``, ``classification_labels``, and in unaligned files
``audio_lengths`` and ``vision_lengths``. Text is as long as the mask in ``text_bert`` says, where there is one, and so
is everything in aligned files. Without lengths, trailing steps of zeros are padding. A sequence of length 0 is missing;
one of some length and nothing but zeros counts as observed, unless option ``blank`` says otherwise. Other keys are
ignored. Only arrays and plain containers are read from the pickle; see `redcore.data.formats._unpickler`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from redcore._settings import Settings
from redcore._types import AnyArray, IntArray
from redcore._validation import check_sample_ids
from redcore.data import MultimodalData, Target, concatenate
from redcore.data.formats._unpickler import as_array, load_pickle
from redcore.exceptions import DataError, TargetError

__all__ = ["Options", "read", "recognises"]

PARTS = ("train", "valid", "test")
MODALITIES = ("audio", "text", "vision")
CLASS_NAMES = ("negative", "positive")


class Options(Settings):
    """What is predicted, and what becomes of damaged values.

    Attributes
    ----------
    target : {"regression", "sign", "classification"}, default "regression"
        The sentiment as a number; its sign, classes negative (below 0) and positive (0 or more); or the class codes
        of the file, ``classification_labels``.
    nonfinite : {"error", "zero"}, default "error"
        NaN and infinity in features are an error, or 0 (as -inf in audio is in the loader of the MMSA authors).
    blank : {"observed", "missing"}, default "observed"
        What a sequence of some length is whose steps are all zeros, which is what failed extraction of features leaves.
    """

    target: Literal["regression", "sign", "classification"] = "regression"
    nonfinite: Literal["error", "zero"] = "error"
    blank: Literal["observed", "missing"] = "observed"


def recognises(path: Path) -> bool:
    """Whether the path ends in ``.pkl`` or ``.pickle``."""
    return path.suffix.lower() in (".pkl", ".pickle")


def read(path: Path, options: Options) -> MultimodalData:
    """Read one file, with its split; videos are the groups.

    Parameters
    ----------
    path : Path
    options : Options

    Raises
    ------
    DataError
        If the file is truncated, foreign, or names anything that is not an array; the message names file, part and key.
    """
    content = load_pickle(path)
    if not isinstance(content, dict) or not any(part in content for part in PARTS):
        raise DataError(f"{path}: expected a dict with the keys {', '.join(PARTS)}")
    pieces, labels = [], []
    for code, part in enumerate(PARTS):
        if part in content:
            data, values = _read_part(path, part, code, content[part], options)
            pieces.append(data)
            labels.append(values)
    try:
        whole = concatenate(pieces)
        check_sample_ids(whole.sample_ids, whole.n_samples)
        return replace(whole, target=_target(np.concatenate(labels), options))
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def _read_part(path: Path, part: str, code: int, content: Any, options: Options) -> tuple[MultimodalData, AnyArray]:
    where = f"{path}: part {part!r}"
    if not isinstance(content, dict):
        raise DataError(f"{where} is a {type(content).__name__}, expected a dict")
    ids = _ids(where, content)
    modalities = {name: _features(where, content, name, options) for name in MODALITIES if name in content}
    if not modalities:
        raise DataError(f"{where}: no modality; expected {', '.join(MODALITIES)}, found {_listed(content)}")
    lengths = {name: _lengths(where, content, name, values, options) for name, values in modalities.items()}
    labels = _labels(where, content, len(ids), options)
    try:
        data = MultimodalData.from_arrays(
            modalities,
            lengths=lengths,
            groups=np.array([name.partition("$_$")[0] for name in ids]),
            sample_ids=ids,
            split=np.full(len(ids), code),
        )
    except DataError as error:
        raise type(error)(f"{where}: {error}") from None
    return data, labels


def _listed(content: dict[str, Any]) -> str:
    return ", ".join(key if key.isprintable() else ascii(key) for key in content)[:200] or "nothing"


def _ids(where: str, content: dict[str, Any]) -> AnyArray:
    ids = _array(where, content, "id")
    if ids.ndim != 1 or not len(ids) or ids.dtype.kind not in "USiu":
        raise DataError(f"{where}, key 'id': {ids.dtype} of shape {ids.shape}, expected one text per sample")
    try:
        ids = np.char.decode(ids, "utf-8") if ids.dtype.kind == "S" else ids.astype(str)
    except UnicodeDecodeError:
        raise DataError(f"{where}, key 'id' holds ids that are not text in UTF-8") from None
    for row, name in enumerate(ids.tolist()):
        if not name or not name.isprintable():
            raise DataError(f"{where}, key 'id', row {row}: {name[:80]!a} cannot be an id")
    return ids


def _array(where: str, content: dict[str, Any], key: str) -> AnyArray:
    if key not in content:
        raise DataError(f"{where}: no key {key!r}; found {_listed(content)}")
    try:
        array = as_array(content[key])
    except ValueError as error:
        raise DataError(f"{where}, key {key!r}: {error}") from None
    if array is None:
        raise DataError(f"{where}, key {key!r}: a {type(content[key]).__name__}, expected an array or a plain list")
    return array


def _labels(where: str, content: dict[str, Any], n_samples: int, options: Options) -> AnyArray:
    key = "classification_labels" if options.target == "classification" else "regression_labels"
    labels = _array(where, content, key)
    if labels.shape != (n_samples,) or labels.dtype.kind not in "iuf":
        raise DataError(f"{where}, key {key!r}: {labels.dtype} of shape {labels.shape}, expected {n_samples} numbers")
    return labels.astype(np.float64)


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
    """Return the number of steps of each sequence, 0 where it is missing."""
    n_samples, n_steps = values.shape[:2]
    aligned = not any(f"{other}_lengths" in content for other in MODALITIES)
    if f"{name}_lengths" in content:
        given = _array(where, content, f"{name}_lengths")
    elif "text_bert" in content and (name == "text" or aligned):
        given = _words(where, content)
    else:
        given = _without_padding(values)
    if given.shape != (n_samples,) or given.dtype.kind not in "fiu":
        raise DataError(
            f"{where}, lengths of {name!r}: {given.dtype} of shape {given.shape}, expected {n_samples} numbers"
        )
    bad = np.flatnonzero(~((given >= 0) & (given <= n_steps) & (given == np.floor(given))))
    if bad.size:
        raise DataError(
            f"{where}, row {bad[0]}: length of {name!r} is {given[bad[0]]:g}, expected a whole number, 0 to {n_steps}"
        )
    if options.blank == "missing":
        given = np.where(_without_padding(values) == 0, 0, given)
    return given.astype(np.int64)


def _words(where: str, content: dict[str, Any]) -> IntArray:
    """Return the number of word pieces: the sum of the mask, the second row of ``text_bert``."""
    bert = _array(where, content, "text_bert")
    if bert.ndim != 3 or bert.shape[1] != 3 or bert.dtype.kind not in "fiu":
        raise DataError(f"{where}, key 'text_bert' has shape {bert.shape}, expected (n, 3, time)")
    return np.asarray((bert[:, 1] > 0).sum(axis=1))


def _without_padding(values: AnyArray) -> IntArray:
    """Return the lengths without trailing steps of zeros."""
    filled = (values != 0).any(axis=2)
    steps = np.arange(1, values.shape[1] + 1)
    return np.asarray((filled * steps).max(axis=1, initial=0))


def _target(labels: AnyArray, options: Options) -> Target:
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
