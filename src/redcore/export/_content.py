"""Metadata of a model file: creation and validation."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from redcore._discovery import provenance
from redcore._files import json_text
from redcore._provenance import versions
from redcore._types import AnyArray
from redcore._version import __version__
from redcore.data import ModalitySchema, Schema, TargetKind, TargetPart, TimeGrid
from redcore.exceptions import ModelFileError
from redcore.methods import Method, method_name

__all__ = ["content_of", "plug_ins_of", "read_content", "schema_from_json", "versions_with_plug_ins"]

SCHEMA_VERSION = 2
KEYS = (
    "schema_version", "redcore_version", "method", "settings", "schema", "info", "versions", "record",
    "tensors_sha256", "sha256",
)  # fmt: skip


def content_of(method: Method, record: Mapping[str, Any] | None, tensors_sha256: str) -> dict[str, Any]:
    """Return the metadata of a fitted method.

    Parameters
    ----------
    method : Method
    record : mapping or None
        Facts about training and scores, JSON-ready; see `redcore.export.save_model`.
    tensors_sha256 : str
        Checksum of the fitted numbers.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "redcore_version": __version__,
        "method": method_name(method),
        "settings": method.settings.dump(),
        "schema": _schema_to_json(method.schema),
        "info": method.info(),
        **({"plug_ins": plug_ins} if (plug_ins := plug_ins_of(method)) else {}),
        "versions": {name: number for name, number in versions().items() if name != "redcore"},
        "record": dict(record or {}),
        "tensors_sha256": tensors_sha256,
    }
    content["sha256"] = _digest(content)
    return content


def plug_ins_of(method: Method) -> list[dict[str, str]]:
    """Return kind, name, distribution and version of the plug-ins of other distributions that a method needs."""
    own = provenance("redcore.methods", method_name(method))
    return [*([own] if own else []), *method.settings.plug_ins()]


def versions_with_plug_ins(method: Method, others: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return `redcore._provenance.versions` and the versions of the distributions of all plug-ins of a fit.

    Parameters
    ----------
    method : Method
    others : iterable of (package, name)
        Plug-ins that the method does not name, such as ``("redcore.missing", "imbalanced")``.
    """
    plug_ins = [*plug_ins_of(method), *(provenance(package, name) for package, name in others)]
    return versions() | {plug_in["distribution"]: plug_in["version"] for plug_in in plug_ins if plug_in}


def read_content(where: str, raw: bytes) -> dict[str, Any]:
    """Parse and validate the metadata of a model file.

    Parameters
    ----------
    where : str
        Place of the metadata, for error messages.
    raw : bytes
        JSON.

    Raises
    ------
    ModelFileError
        If it is not complete, unchanged metadata of this schema version.
    """
    try:
        text = raw.decode("utf-8")
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{where}: not a model file: truncated or not JSON ({error})") from None
    if not isinstance(content, dict) or "schema_version" not in content:
        raise ModelFileError(f"{where}: not a model file: it has no schema_version")
    schema_version = content["schema_version"]
    if type(schema_version) is not int or schema_version != SCHEMA_VERSION:
        newer = type(schema_version) is int and schema_version > SCHEMA_VERSION
        hint = " (written by a newer version of redcore)" if newer else ""
        raise ModelFileError(f"{where}: schema version {schema_version}, expected {SCHEMA_VERSION}{hint}")
    missing = [key for key in KEYS if key not in content]
    if missing:
        raise ModelFileError(f"{where}: keys missing: {', '.join(missing)}")
    # compared as text too, because 1e-08 and 1E-08 are equal numbers
    if content["sha256"] != _digest(content) or text != json_text(content):
        raise ModelFileError(f"{where}: changed since it was written (checksum differs)")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    body = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _schema_to_json(schema: Schema) -> dict[str, Any]:
    parts = [{"name": part.name, "n_columns": part.n_columns, **_target_to_json(part)} for part in schema.parts]
    return {
        "modalities": [asdict(modality) for modality in schema.modalities],
        **_target_to_json(schema),
        **({"parts": parts} if parts else {}),
    }


def _target_to_json(target: Schema | TargetPart) -> dict[str, Any]:
    classes, grid = target.classes, target.grid
    times = {} if grid is None else {"grid": {name: array.tolist() for name, array in vars(grid).items()}}
    return {
        "target_kind": target.target_kind if isinstance(target, Schema) else target.kind,
        "classes": None if classes is None else classes.tolist(),
        "classes_dtype": None if classes is None else classes.dtype.str,
        "n_outputs": target.n_outputs,
        **times,
    }


def schema_from_json(content: Mapping[str, Any]) -> Schema:
    """Return the schema in the metadata."""
    modalities = tuple(
        ModalitySchema(
            **{
                **modality,
                "feature_names": modality["feature_names"] and tuple(modality["feature_names"]),
                "categories": modality.get("categories")
                and {feature: tuple(own) for feature, own in modality["categories"].items()},
                "shape": modality.get("shape") and tuple(modality["shape"]),
                "text": modality.get("text") and tuple(modality["text"]),
            }
        )
        for modality in content["modalities"]
    )
    parts = []
    for part in content.get("parts", ()):
        kind, classes, n_outputs, grid = _target_from_json(part)
        parts.append(TargetPart(part["name"], kind, classes, part["n_columns"], n_outputs, grid))
    return Schema(modalities, *_target_from_json(content), tuple(parts))


def _target_from_json(content: Mapping[str, Any]) -> tuple[TargetKind, AnyArray | None, int, TimeGrid | None]:
    """Return the kind, the classes, the number of outputs and the time bins of a target."""
    classes = None
    if content["classes"] is not None:
        classes = np.array(content["classes"], dtype=content["classes_dtype"])
    grid = None
    if "grid" in content:
        borders, censoring = (np.array(content["grid"][name], dtype=np.float64) for name in ("borders", "censoring"))
        grid = TimeGrid(borders, censoring.reshape(-1, 2))
    return TargetKind(content["target_kind"]), classes, content["n_outputs"], grid
