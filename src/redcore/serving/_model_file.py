"""Model files: a folder with ``model.safetensors`` (numbers) and ``model.json`` (everything else). No pickle.

The JSON holds a checksum of the numbers and of itself: a changed byte in either is found when loading.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import redcore
from redcore._files import json_text, write_atomic, write_json
from redcore._types import AnyArray
from redcore.data import ModalitySchema, Schema
from redcore.estimators import MultimodalEstimator, RedCoreClassifier, RedCoreRegressor
from redcore.exceptions import ModelFileError, SettingsError, UnknownNameError
from redcore.methods import method_class
from redcore.training import Method

__all__ = ["load_estimator", "load_model", "save_model"]

SCHEMA_VERSION = 1
KEYS = ("schema_version", "redcore_version", "method", "settings", "schema", "info", "tensors_sha256", "sha256")


def save_model(model: Method | MultimodalEstimator, folder: str | Path) -> None:
    """Write a fitted method or estimator to a folder.

    Parameters
    ----------
    model : Method or estimator
    folder : str or Path
        Made if it does not exist; an older model in it is replaced.
    """
    method: Method = getattr(model, "method_", model)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.ascontiguousarray(array) for name, array in method.arrays().items()}
    tensors = save_tensors(arrays)
    content = {
        "schema_version": SCHEMA_VERSION,
        "redcore_version": redcore.__version__,
        "method": type(method).__module__.rpartition(".")[2],
        "settings": method.settings.dump(),
        "schema": _schema_to_json(method.schema),
        "info": method.info(),
        "tensors_sha256": hashlib.sha256(tensors).hexdigest(),
    }
    content["sha256"] = _digest(content)
    write_atomic(folder / "model.safetensors", lambda path: path.write_bytes(tensors))
    write_json(folder / "model.json", content)


def load_model(folder: str | Path, **options: Any) -> Method:
    """Load a fitted method; its predictions are bit-equal to those of the one that was saved.

    Parameters
    ----------
    folder : str or Path
        What `save_model` wrote, or a run folder that holds it as ``model``.
    **options
        For the method, such as ``encoders`` where the model was made with own ones.

    Raises
    ------
    ModelFileError
        If the folder holds no model, or one that is truncated, changed, foreign, or of another version.
    """
    folder = Path(folder)
    if not (folder / "model.json").exists() and (folder / "model" / "model.json").exists():
        folder = folder / "model"
    content = _read_json(folder / "model.json")
    arrays = _read_tensors(folder / "model.safetensors", content["tensors_sha256"])
    try:
        cls = method_class(content["method"])
        settings = cls.Settings.parse(content["settings"])
        schema = _schema_from_json(content["schema"])
        return cls.restore(settings, schema, content["info"], arrays, **options)
    except (UnknownNameError, SettingsError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"{folder}: the model does not fit this version of redcore: {reason}") from error


def load_estimator(folder: str | Path, **options: Any) -> MultimodalEstimator:
    """Load a model as a fitted `RedCoreClassifier` or `RedCoreRegressor`. See `load_model`."""
    method = load_model(folder, **options)
    cls = RedCoreRegressor if method.schema.target_kind == "regression" else RedCoreClassifier
    return cast(MultimodalEstimator, cls(settings=method.settings.dump(), **options))._adopt(method)


def _schema_to_json(schema: Schema) -> dict[str, Any]:
    classes = None if schema.classes is None else schema.classes.tolist()
    return {
        "modalities": [[m.name, m.n_features, m.is_sequence] for m in schema.modalities],
        "target_kind": schema.target_kind,
        "classes": classes,
        "classes_dtype": None if schema.classes is None else schema.classes.dtype.str,
        "n_outputs": schema.n_outputs,
    }


def _schema_from_json(content: Mapping[str, Any]) -> Schema:
    modalities = tuple(ModalitySchema(name, n, sequence) for name, n, sequence in content["modalities"])
    classes = None
    if content["classes"] is not None:
        classes = np.array(content["classes"], dtype=content["classes_dtype"])
    return Schema(modalities, content["target_kind"], classes, content["n_outputs"])


def _digest(content: Mapping[str, Any]) -> str:
    body = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8")
        content = json.loads(text)
    except FileNotFoundError:
        raise ModelFileError(
            f"{path}: no such file; expected a folder that save_model or 'redcore fit' wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: not a model file: truncated or foreign ({error})") from None
    if not isinstance(content, dict) or "schema_version" not in content:
        raise ModelFileError(f"{path}: not a model file: it has no schema_version")
    if content["schema_version"] != SCHEMA_VERSION:
        raise ModelFileError(f"{path}: schema version {content['schema_version']}, expected {SCHEMA_VERSION}")
    lacking = [key for key in KEYS if key not in content]
    if lacking:
        raise ModelFileError(f"{path}: keys missing: {', '.join(lacking)}")
    # the text too: 1e-08 and 1E-08 are one number
    if content["sha256"] != _digest(content) or text != json_text(content):
        raise ModelFileError(f"{path}: changed since it was written (checksum differs)")
    return content


def _read_tensors(path: Path, expected: str) -> dict[str, AnyArray]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(raw).hexdigest() != expected:
        raise ModelFileError(f"{path}: truncated or changed since it was written (checksum differs)")
    try:
        return load_tensors(raw)
    except SafetensorError as error:
        raise ModelFileError(f"{path}: not a safetensors file ({error})") from None
