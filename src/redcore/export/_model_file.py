"""Model files: safetensors and JSON, no pickle.

A folder holds ``model.safetensors`` (fitted numbers) and ``model.json`` (metadata). A single file with the suffix
``.safetensors`` holds both; the JSON is its metadata entry ``redcore``. Checksums cover every byte.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from redcore._arrays import prefixed, unprefixed
from redcore._files import check_regular, json_text, write_atomic, write_json
from redcore._types import AnyArray
from redcore.exceptions import EncoderError, ModelFileError, SettingsError, UnknownNameError
from redcore.export._content import content_of, read_content, schema_from_json
from redcore.methods import Method, method_class, with_encoders
from redcore.monitoring import Reference

if TYPE_CHECKING:
    from redcore.estimators import MultimodalEstimator
    from redcore.uncertainty import Calibration

__all__ = ["load_calibration", "load_estimator", "load_model", "load_reference", "read_model_content", "save_model"]

SINGLE_FILE = ".safetensors"
CALIBRATION, REFERENCE = "calibration/", "reference/"
BLANK = "0" * 64
"""Placeholder for the checksum of a single file while the checksum is computed."""


def save_model(
    model: "Method | MultimodalEstimator",
    path: str | Path,
    *,
    record: Mapping[str, Any] | None = None,
    calibration: "Calibration | None" = None,
    reference: Reference | None = None,
) -> None:
    """Write a fitted method or estimator.

    Parameters
    ----------
    model : Method or estimator
    path : str or Path
        A folder, which is created if necessary; or a single file, if the suffix is ``.safetensors``. An existing model
        is replaced.
    record : mapping, optional
        Facts for readers of the model, JSON-ready: ``data`` (name), ``n_samples`` and ``missing_rates`` by split, and
        ``metrics`` per missing pattern. They are saved and shown by `model_card`.
    calibration : Calibration, optional
        Calibration of a method, for intervals and prediction sets. An estimator has its own.
    reference : Reference, optional
        Profile of the training data, with which new data is compared.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    """
    method = getattr(model, "method_", model)
    if not isinstance(method, Method) or not hasattr(method, "schema"):
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"expected a fitted method or estimator, got {type(model).__name__} that is not fitted")
    calibration = getattr(model, "calibration_", calibration)
    path = Path(path)
    numbers = {**method.arrays(), **({} if calibration is None else prefixed(CALIBRATION, calibration.to_arrays()))}
    if reference is not None:
        profile, counts = reference.to_content()
        record, numbers = {**(record or {}), "reference": profile}, numbers | prefixed(REFERENCE, counts)
    arrays = {name: np.ascontiguousarray(array) for name, array in numbers.items()}
    tensors = save_tensors(arrays)
    content = content_of(method, record, hashlib.sha256(tensors).hexdigest())
    if path.suffix.lower() == SINGLE_FILE:
        raw = _sealed(_ordered(save_tensors(arrays, {"redcore": json_text(content), "sha256": BLANK})))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, lambda temporary: temporary.write_bytes(raw))
        return
    path.mkdir(parents=True, exist_ok=True)
    write_atomic(path / "model.safetensors", lambda temporary: temporary.write_bytes(tensors))
    write_json(path / "model.json", content)


def load_model(path: str | Path, **options: Any) -> Method:
    """Load a fitted method. Its predictions are bit-equal to those of the saved method.

    Parameters
    ----------
    path : str or Path
        Folder or single file written by `save_model`, or a run folder, whose model is in ``model``.
    **options
        Options of the method. ``encoders`` has the encoders by modality that cannot be built by name, such as modules.

    Raises
    ------
    ModelFileError
        If there is no model, or if it is truncated, changed, not a model file, or of an unsupported version; or if an
        encoder cannot be imported and is not among ``encoders``.
    """
    return _restored(path, *_read(Path(path)), options)


def _restored(
    path: str | Path, content: dict[str, Any], arrays: dict[str, AnyArray], options: dict[str, Any]
) -> Method:
    try:
        cls = method_class(content["method"])
        encoders = options.get("encoders") or {}
        others = {name: value for name, value in options.items() if name != "encoders"}
        settings = cls.Settings.parse(with_encoders(content["settings"], encoders))
        schema = schema_from_json(content["schema"])
        return cls.restore(settings, schema, content["info"], arrays, **others)
    except EncoderError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except (UnknownNameError, SettingsError, KeyError, TypeError, ValueError, RuntimeError) as error:
        for plug_in in content.get("plug_ins", []):
            if plug_in["name"] in str(error):
                raise ModelFileError(_without_plug_in(path, plug_in, error)) from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"{path}: the model does not fit this version of redcore: {reason}") from error


def _without_plug_in(path: str | Path, plug_in: Mapping[str, str], error: Exception) -> str:
    kind, name, distribution, version = (plug_in[key] for key in ("kind", "name", "distribution", "version"))
    return (
        f"{path}: the model needs the plug-in {name!r} ({kind}) of {f'{distribution} {version}'.strip()}, which cannot "
        f"be used here: {error}"
    )


def load_estimator(path: str | Path, **options: Any) -> "MultimodalEstimator":
    """Load a model as a fitted estimator of its kind of target, such as `RedCoreClassifier`. See `load_model`."""
    # scikit-learn, whose import takes a second, is not loaded by `load_model`
    from redcore.estimators import MethodMultiTarget, RedCoreClassifier, RedCoreRegressor, RedCoreSurvival

    content, arrays = _read(Path(path))
    method = _restored(path, content, arrays, options)
    kind = method.schema.target_kind
    if kind.is_mixed:
        several = MethodMultiTarget(type(method), settings=method.settings.dump(), **options)
        return several._adopt(method)
    cls = RedCoreRegressor if kind.is_regression else RedCoreSurvival if kind.is_survival else RedCoreClassifier
    estimator = cast("MultimodalEstimator", cls(settings=method.settings.dump(), **options))._adopt(method)
    calibration = _calibration(method.active, arrays)
    if calibration is not None:
        estimator.calibration_ = calibration
    return estimator


def load_calibration(path: str | Path) -> "Calibration | None":
    """Return the calibration in a model file, or None if it has none.

    Raises
    ------
    ModelFileError
        See `load_model`.
    """
    content, arrays = _read(Path(path))
    return _calibration(tuple(content["info"]["active"]), arrays)


def load_reference(path: str | Path) -> Reference | None:
    """Return the profile of the training data in a model file, or None if it has none.

    Raises
    ------
    ModelFileError
        See `load_model`.
    """
    content, arrays = _read(Path(path))
    profile = content["record"].get("reference")
    return None if profile is None else Reference.from_content(profile, unprefixed(REFERENCE, arrays))


def _calibration(active: tuple[str, ...], arrays: Mapping[str, AnyArray]) -> "Calibration | None":
    from redcore.uncertainty import Calibration

    numbers = unprefixed(CALIBRATION, arrays)
    return Calibration.from_arrays(numbers, active) if numbers else None


def read_model_content(path: str | Path) -> dict[str, Any]:
    """Return the metadata of a model file: method, settings, schema, versions, record.

    Raises
    ------
    ModelFileError
        See `load_model`.
    """
    return _read(Path(path))[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    if path.is_file():
        return _read_single(path)
    if not (path / "model.json").exists() and (path / "model" / "model.json").exists():
        path = path / "model"
    content = read_content(str(path / "model.json"), _bytes(path / "model.json"))
    file = path / "model.safetensors"
    raw = _bytes(file)
    if hashlib.sha256(raw).hexdigest() != content["tensors_sha256"]:
        raise ModelFileError(f"{file}: truncated or changed since it was written (checksum differs)")
    return content, _tensors(file, raw)


def _bytes(path: Path) -> bytes:
    check_regular(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file; expected a model written by save_model or 'redcore fit'") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from None


def _tensors(path: Path, raw: bytes) -> dict[str, AnyArray]:
    try:
        return load_tensors(raw)
    except SafetensorError as error:
        raise ModelFileError(f"{path}: not a safetensors file ({error})") from None


def _read_single(path: Path) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    raw = _bytes(path)
    arrays = _tensors(path, raw)
    # load_tensors has checked that the header is complete
    metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]).get("__metadata__", {})
    if "redcore" not in metadata:
        raise ModelFileError(f"{path}: not a model file: it has no metadata entry 'redcore'")
    entry = _entry(metadata.get("sha256", ""))
    if raw.count(entry) != 1 or _sealed(raw.replace(entry, _entry(BLANK))) != raw:
        raise ModelFileError(f"{path}: changed since it was written (checksum differs)")
    return read_content(str(path), metadata["redcore"].encode()), arrays


def _ordered(raw: bytes) -> bytes:
    """Sort the metadata of a safetensors file, whose order is random, so that equal models are equal files."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    # not longer than the original, because the library writes compact JSON too
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(size)
    return raw[:8] + text + raw[8 + size :]


def _sealed(raw: bytes) -> bytes:
    """Replace the placeholder in a single file by the checksum of the file with the placeholder."""
    return raw.replace(_entry(BLANK), _entry(hashlib.sha256(raw).hexdigest()))


def _entry(digest: str) -> bytes:
    # occurs once: inside the JSON entry the quotation marks are escaped
    return f'"sha256":"{digest}"'.encode()
