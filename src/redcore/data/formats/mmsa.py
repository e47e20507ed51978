"""Pickles of the MMSA family: ``unaligned_50.pkl``, ``aligned_50.pkl`` of CMU-MOSI, CMU-MOSEI and CH-SIMS.

A dict with ``train``, ``valid`` and ``test``; each a dict of ``text``, ``audio`` and ``vision``, (n, time, features)
padded with zeros, ``id`` (``video$_$clip``), ``regression_labels``, ``classification_labels``, and in unaligned files
``audio_lengths`` and ``vision_lengths``. Text is as long as the mask in ``text_bert`` says, where there is one, and so
is everything in aligned files. Without lengths, trailing steps of zeros are padding. A sequence of nothing but zeros is
missing. Only arrays and plain containers are read from the pickle; see `redcore.data.formats._unpickler`.
"""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from redcore._settings import Settings
from redcore._types import AnyArray, IntArray
from redcore._validation import check_sample_ids
from redcore.data import MultimodalData, Target, concatenate
from redcore.data.formats._unpickler import as_array, load_pickle
from redcore.exceptions import DataError

__all__ = ["Options", "read", "recognises", "write_pickle", "write_sample"]

PARTS = ("train", "valid", "test")
MODALITIES = ("audio", "text", "vision")
CLASS_NAMES = ("negative", "positive")


class Options(Settings):
    """What is predicted, and what becomes of damaged values.

    Attributes
    ----------
    target : {"regression", "sign", "classification"}, default "regression"
        The sentiment as a number; whether it is negative or not; or the class codes of the file.
    nonfinite : {"error", "zero"}, default "error"
        NaN and infinity in features are an error, or 0 (as in the loader of the MMSA authors).
    """

    target: Literal["regression", "sign", "classification"] = "regression"
    nonfinite: Literal["error", "zero"] = "error"


def recognises(path: Path) -> bool:
    """Whether the path ends in ``.pkl`` or ``.pickle``."""
    return path.suffix.lower() in (".pkl", ".pickle")


def write_sample(folder: Path) -> Path:
    """Write ten unaligned samples, one of which lacks its audio, and return the file."""
    return write_pickle(folder / "unaligned_50.pkl", {"audio": 5, "text": 8, "vision": 4})


def write_pickle(path: Path, n_features: dict[str, int], *, aligned: bool = False) -> Path:
    """Write a small file in the form of the public ones: 5 training, 2 validation and 3 test samples.

    Parameters
    ----------
    path : Path
    n_features : dict of str to int
        By modality: audio, text, vision.
    aligned : bool, default False
        Whether all modalities have the time steps of the text, and the file has no lengths.
    """
    rng = np.random.default_rng(0)
    parts = {part: _sample_part(part, n, n_features, aligned, rng) for part, n in zip(PARTS, (5, 2, 3), strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(parts, protocol=4))
    return path


def _sample_part(part: str, n: int, n_features: dict[str, int], aligned: bool, rng: np.random.Generator) -> Any:
    steps = {"audio": 6, "text": 4, "vision": 5} if not aligned else dict.fromkeys(MODALITIES, 4)
    words = rng.integers(2, 5, n)
    lengths = {name: words if aligned or name == "text" else rng.integers(2, steps[name] + 1, n) for name in MODALITIES}
    content: dict[str, Any] = {}
    for name in MODALITIES:
        values = rng.standard_normal((n, steps[name], n_features[name])).astype(np.float32)
        values[np.arange(steps[name]) >= lengths[name][:, None]] = 0.0
        content[name] = values
    if part == "train":
        content["audio"][1] = 0.0
    mask = (np.arange(4) < words[:, None]).astype(np.float32)
    scores = np.round(rng.uniform(-3, 3, n), 1).astype(np.float32)
    content |= {
        "raw_text": np.array([f"words {row}" for row in range(n)]),
        "text_bert": np.stack([mask * 101, mask, 0 * mask], axis=1),
        "id": [f"{part}{row // 2}$_${row}" for row in range(n)],
        "annotations": np.where(scores < 0, "Negative", "Positive"),
        "regression_labels": scores,
        "classification_labels": (np.sign(scores) + 1).astype(np.float32),
    }
    if not aligned:
        content |= {f"{name}_lengths": lengths[name].tolist() for name in ("audio", "vision")}
    return content


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
    ids = _array(where, content, "id").astype(str)
    if ids.ndim != 1 or not len(ids):
        raise DataError(f"{where}, key 'id' has shape {ids.shape}, expected (n_samples,)")
    modalities = {name: _features(where, content, name, options) for name in MODALITIES if name in content}
    if not modalities:
        raise DataError(f"{where}: no modality; expected {', '.join(MODALITIES)}, found {', '.join(map(str, content))}")
    lengths = {name: _lengths(where, content, name, values) for name, values in modalities.items()}
    key = "classification_labels" if options.target == "classification" else "regression_labels"
    labels = _array(where, content, key)
    if labels.shape != ids.shape or labels.dtype.kind not in "iuf":
        raise DataError(f"{where}, key {key!r}: {labels.dtype} of shape {labels.shape}, expected {len(ids)} numbers")
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
    return data, labels.astype(np.float64)


def _array(where: str, content: dict[Any, Any], key: str) -> AnyArray:
    if key not in content:
        raise DataError(f"{where}: no key {key!r}; found {', '.join(map(str, content))[:200]}")
    try:
        array = as_array(content[key])
    except (DataError, ValueError, TypeError) as error:
        raise DataError(f"{where}, key {key!r}: {error}") from None
    if array is None:
        raise DataError(f"{where}, key {key!r}: a {type(content[key]).__name__}, expected an array or a plain list")
    return array


def _features(where: str, content: dict[Any, Any], name: str, options: Options) -> AnyArray:
    values = _array(where, content, name)
    if values.ndim != 3 or values.dtype.kind not in "fiu":
        raise DataError(
            f"{where}, modality {name!r}: {values.dtype} of shape {values.shape}, expected (n, time, features)"
        )
    if options.nonfinite == "zero" and not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, 0.0)
    return values


def _lengths(where: str, content: dict[Any, Any], name: str, values: AnyArray) -> IntArray:
    """Return the number of steps of each sequence; 0 where it is nothing but zeros."""
    n_samples, n_steps = values.shape[:2]
    filled = np.asarray((values != 0).any(axis=2))
    own = f"{name}_lengths"
    aligned = not any(f"{other}_lengths" in content for other in MODALITIES)
    if own in content:
        given = _array(where, content, own)
    elif "text_bert" in content and (name == "text" or aligned):
        bert = _array(where, content, "text_bert")
        if bert.ndim != 3 or bert.shape[1] != 3 or bert.dtype.kind not in "fiu":
            raise DataError(f"{where}, key 'text_bert' has shape {bert.shape}, expected (n, 3, time)")
        given = (bert[:, 1] > 0).sum(axis=1)
    else:
        given = np.where(filled.any(axis=1), n_steps - np.argmax(filled[:, ::-1], axis=1), 0)
    if given.shape != (n_samples,) or given.dtype.kind not in "fiu" or not np.isfinite(given).all():
        raise DataError(f"{where}, lengths of {name!r} have shape {given.shape}, expected {n_samples} numbers")
    if (given < 0).any() or (given > n_steps).any():
        row = int(np.flatnonzero((given < 0) | (given > n_steps))[0])
        raise DataError(f"{where}, row {row}: length of {name!r} is {given[row]:g}, expected 0 to {n_steps}")
    return np.where(filled.any(axis=1), given, 0).astype(np.int64)


def _target(labels: AnyArray, options: Options) -> Target:
    if options.target == "regression":
        return Target.from_numbers(labels)
    if options.target == "sign":
        return Target.from_labels(np.array(CLASS_NAMES)[(labels >= 0).astype(int)], CLASS_NAMES)
    return Target.from_labels(labels.astype(np.int64))
