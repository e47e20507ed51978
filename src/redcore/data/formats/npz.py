"""NumPy archives with one array per modality.

Keys of the archive:

- ``x_<modality>``: values (n_samples, n_features), (n_samples, time, n_features), padded with zeros, or images
  (n_samples, channels, height, width);
- ``len_<modality>`` (optional): sequence lengths (n_samples,);
- ``has_<modality>`` (optional): availability (n_samples,), 0 = missing;
- ``names_<modality>`` (optional): names of the features, text (n_features,);
- ``categories_<modality>`` (optional): text with a JSON object, the categories by feature name of the features that are
  categories. Their values are codes, positions in the list of categories;
- ``text_<modality>`` (optional): names of the features among them that are free text; the list of categories contains
  their different texts;
- ``tokens_<modality>`` (optional): padding id, an integer, of a modality of token ids (n_samples, time);
- ``y`` (optional): target. Integers and text are classes, fractional numbers are a continuous target. Two-dimensional
  arrays are labels if they contain only zeros and ones, otherwise a continuous target with several outputs. Option
  ``task`` overrides this;
- ``y_<name>`` (optional): one of several targets, of which NaN and empty text are missing values. If the archive has
  ``y``, it is the only target, and ``y_<name>`` is not read;
- ``class_names``, ``group``, ``split`` (0, 1, 2), and ``sample_id`` or ``utt_id`` (all optional).

Other keys are ignored. Pickled objects are rejected.
"""

import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target, Task, decide_target, several_targets
from redcore.data._columns import numbers_among
from redcore.data._csv import names_from_text
from redcore.data._decide_target import is_fractional
from redcore.data.formats._expected import Expected
from redcore.exceptions import DataError, RedCoreError

__all__ = ["Options", "read", "read_for", "recognises"]


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    task : {"auto", "classes", "numbers", "labels"}, default "auto"
        Read ``y`` as classes, as a continuous target, or as labels (multi-label). "auto": as described for the key.
    na_values : tuple of str
        Numbers in the modalities that stand for missing values, such as -999.
    """

    task: Task = "auto"
    na_values: Annotated[tuple[str, ...], BeforeValidator(names_from_text)] = ()


def recognises(path: Path) -> bool:
    """Return True if the path ends in ``.npz`` and is no folder."""
    return path.suffix.lower() == ".npz" and not path.is_dir()


def read(path: Path, options: Options) -> MultimodalData:
    """Read an npz file.

    Parameters
    ----------
    path : Path
    options : Options

    Raises
    ------
    DataError
        If the file is damaged or not an npz archive, or if it contains pickled objects or no modality. The message
        names file and key.
    """
    arrays = _load(path)
    return _data(path, arrays, options, lambda: _target(arrays, options.task))


def read_for(path: Path, options: Options, expected: Expected) -> MultimodalData:
    """Read an npz file for a model. ``y`` may be absent or NaN, and gets kind and classes of the model.

    Raises
    ------
    DataError
        As `read`.
    """
    arrays = _load(path)
    return expected.conform(path, _data(path, arrays, options, lambda: _target_for(path, arrays, expected)))


def _data(
    path: Path, arrays: dict[str, AnyArray], options: Options, target: Callable[[], Target | None]
) -> MultimodalData:
    codes = numbers_among(options.na_values)
    modalities = {key[2:]: _without(array, codes) for key, array in arrays.items() if key.startswith("x_")}
    if not modalities:
        raise DataError(f"{path}: no key of the form 'x_<modality>'; keys: {', '.join(arrays) or 'none'}")
    try:
        return MultimodalData.from_arrays(
            modalities,
            target(),
            availability={key[4:]: array for key, array in arrays.items() if key.startswith("has_")},
            lengths={key[4:]: array for key, array in arrays.items() if key.startswith("len_")},
            groups=arrays.get("group"),
            sample_ids=arrays.get("sample_id", arrays.get("utt_id")),
            split=arrays.get("split"),
            feature_names={key[6:]: _names(key, array) for key, array in arrays.items() if key.startswith("names_")},
            categories={key[11:]: _json(key, array) for key, array in arrays.items() if key.startswith("categories_")},
            tokens={key[7:]: _padding(key, array) for key, array in arrays.items() if key.startswith("tokens_")},
            text={key[5:]: _names(key, array) for key, array in arrays.items() if key.startswith("text_")},
        )
    except RedCoreError as error:
        kind = type(error) if isinstance(error, DataError) else DataError
        raise kind(f"{path}: {error}") from None


def _without(array: AnyArray, codes: list[float]) -> AnyArray:
    """Return an array of numbers with NaN for the numbers in `codes`."""
    return np.where(np.isin(array, codes), np.nan, array) if codes and array.dtype.kind in "iuf" else array


def _names(key: str, array: AnyArray) -> list[str]:
    if array.ndim != 1 or array.dtype.kind not in "Uiu":
        raise DataError(f"{key}: {array.dtype} of shape {array.shape}, expected one text per feature")
    return [str(name) for name in array.tolist()]


def _padding(key: str, array: AnyArray) -> int:
    if array.size != 1 or array.dtype.kind not in "iu":
        raise DataError(f"{key}: {array.dtype} of shape {array.shape}, expected the padding id, one integer")
    return int(array.item())


def _json(key: str, array: AnyArray) -> dict[str, list[str]]:
    try:
        content = json.loads(str(array.item()))
        if not all(isinstance(own, list) for own in content.values()):
            raise ValueError("the categories of a feature are no list")
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{key} is not a JSON object with a list per feature ({error})") from None
    return dict(content)


def _load(path: Path) -> dict[str, AnyArray]:
    try:
        # NumPy does not close damaged files that it opened itself
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: a single array, expected an npz archive")
            return {key: _entry(path, archive, key) for key in archive.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a readable npz archive: truncated, or of another format ({error})") from None


def _entry(path: Path, archive: "np.lib.npyio.NpzFile", key: str) -> AnyArray:
    try:
        array: AnyArray = archive[key]
    # RuntimeError is raised for encrypted members, or for damaged ones that look encrypted
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, TokenError) as error:
        if "allow_pickle" in str(error):
            raise DataError(f"{path}: key {key!r} contains pickled objects, which are not allowed") from None
        raise DataError(f"{path}: key {key!r} cannot be read: truncated or damaged ({error})") from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: key {key!r} is not an array, expected an npz archive")
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array


def _target(arrays: dict[str, AnyArray], task: Task) -> Target | None:
    if several := _several(arrays):
        return several_targets(several, dict.fromkeys(several, task))
    labels = arrays.get("y")
    if labels is None:
        return None
    names = arrays.get("class_names")
    is_coded = names is not None and labels.ndim == 1 and labels.dtype.kind in "iufb"
    if names is not None and is_coded and (task == "classes" or (task == "auto" and not is_fractional(labels))):
        return Target.from_labels(_named(labels, names), names)
    return decide_target(labels, task, "'y'", names)


def _several(arrays: dict[str, AnyArray]) -> dict[str, AnyArray]:
    """Return the arrays of several targets by name; empty if the archive has ``y``, which is then the only target."""
    if "y" in arrays:
        return {}
    return {key[2:]: array for key, array in arrays.items() if key.startswith("y_")}


def _named(labels: AnyArray, names: AnyArray) -> AnyArray:
    """Return the class names of integer labels."""
    if names.ndim != 1:
        raise DataError(f"class_names has shape {names.shape}, expected one dimension")
    codes = labels.astype(np.int64).ravel()
    if codes.size and (codes.min() < 0 or codes.max() >= len(names)):
        raise DataError(
            f"y contains classes {codes.min()} to {codes.max()}, expected 0 to {len(names) - 1} as in class_names"
        )
    return np.asarray(names)[codes]


def _target_for(path: Path, arrays: dict[str, AnyArray], expected: Expected) -> Target | None:
    if several := _several(arrays):
        if not expected.needs_target and all(map(_is_empty, several.values())):
            return None
        return expected.target(path, lambda: expected.schema.target_of(several))
    labels, names = arrays.get("y"), arrays.get("class_names")
    if names is not None and len(np.unique(names)) < names.size:
        raise DataError("class_names are not unique")
    if labels is None or (not expected.needs_target and _is_empty(labels)):
        return None

    def make() -> Target:
        has_codes = labels.dtype.kind in "iub" and labels.ndim == 1 and expected.schema.target_kind.is_classification
        return expected.schema.target_of(_named(labels, names) if has_codes and names is not None else labels)

    return expected.target(path, make)


def _is_empty(labels: AnyArray) -> bool:
    if labels.dtype.kind == "U":
        return bool((labels == "").all())
    return labels.dtype.kind == "f" and bool(np.isnan(labels).all())
