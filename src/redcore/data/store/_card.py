"""Card of a store: content, checksums and origin."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt, StrictBool, StrictInt, StrictStr, model_validator

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.data._dataset import MultimodalData
from redcore.data._schema import ModalitySchema
from redcore.data._target import Target, TargetKind, TargetPart
from redcore.exceptions import DataError, RedCoreError

__all__ = ["CARD_FILE", "MAX_CARD_BYTES", "Origin", "Shard", "StoreCard", "StoredForm", "StoredTarget", "read_card"]

CARD_FILE = "card.json"
MAX_CARD_BYTES = 64 * 2**20


class Origin(Settings):
    """File that a store was converted from: name, format and checksum."""

    name: str
    format: str
    sha256: str | None = None


class StoredForm(Settings):
    """Number, names and type of the features of one modality; form of its samples; number of missing cells.

    ``text`` are the names of the features of free text, whose different texts are in ``categories``.
    """

    n_features: Annotated[int, Field(ge=0)]
    is_sequence: bool
    feature_names: tuple[StrictStr, ...] | None = None
    missing_cells: Annotated[int, Field(ge=0)] = 0
    dtype: Literal["float32", "float64", "uint8", "int32"] = "float32"
    categories: dict[StrictStr, tuple[StrictStr, ...]] | None = None
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    padding: int | None = None
    text: tuple[StrictStr, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shape is not None and (self.is_sequence or math.prod(self.shape) != self.n_features):
            raise ValueError(f"images of shape {self.shape} have {self.n_features} features, which do not match")
        allowed = ("uint8", "float32") if self.shape is not None else ("float32", "float64")
        if self.dtype not in (("int32",) if self.padding is not None else allowed):
            raise ValueError(f"dtype is {self.dtype!r}, which does not match the form of the samples")
        return self

    def schema_of(self, name: str) -> ModalitySchema:
        """Return the schema of the modality, without its categories."""
        dtype = None if self.shape is None else self.dtype
        raw = (self.shape, self.padding, dtype)
        return ModalitySchema(name, self.n_features, self.is_sequence, self.feature_names, None, *raw)


class StoredTarget(Settings):
    """Kind, classes and width of the target: 2 for survival (time and event); see `redcore.data.Target`.

    Several targets have one entry of `parts` each, and `n_outputs` is the number of their columns.
    """

    kind: TargetKind
    classes: tuple[StrictBool, ...] | tuple[StrictInt, ...] | tuple[StrictStr, ...] | None = None
    n_outputs: Annotated[int, Field(ge=1)]
    parts: tuple["StoredPart", ...] | None = None

    def class_array(self) -> AnyArray | None:
        """Return the classes as an array, or None for targets without classes."""
        return None if self.classes is None else np.asarray(self.classes)


class StoredPart(StoredTarget):
    """Name, kind, classes and width of one of several targets."""

    name: StrictStr

    def described(self) -> TargetPart:
        """Return the description of the target."""
        n_columns = 1 if self.kind.is_classification else self.n_outputs
        return TargetPart(
            self.name, self.kind, self.class_array(), n_columns, 0 if self.kind.is_survival else self.n_outputs
        )


class Shard(Settings):
    """One Parquet file of a store, with its checksum."""

    file: Annotated[str, Field(pattern=r"^part-\d{5,9}\.parquet$")]
    n_samples: Annotated[int, Field(ge=1)]
    n_bytes: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StoreCard(Settings):
    """Content of ``card.json``.

    Attributes
    ----------
    n_samples : int
    modalities : dict of str to StoredForm
    target : StoredTarget or None
    shards : tuple of Shard
        Parquet files in the order of their samples.
    title, source, licence, citation : str
        Descriptions for readers; empty if unknown.
    origin : Origin or None
        File that the store was converted from.
    """

    format: Literal["redcore-store"] = "redcore-store"
    schema_version: Literal[1] = 1
    n_samples: Annotated[int, Field(ge=1)]
    modalities: Annotated[dict[str, StoredForm], Field(min_length=1)]
    target: StoredTarget | None
    shards: Annotated[tuple[Shard, ...], Field(min_length=1)]
    title: str = ""
    source: str = ""
    licence: str = ""
    citation: str = ""
    origin: Origin | None = None

    @staticmethod
    def form(data: MultimodalData) -> dict[str, Any]:
        """Return the fields ``modalities`` and ``target`` of the card of `data`, as JSON-serialisable values."""
        target = data.target
        return {
            "modalities": {
                name: {
                    "n_features": modality.n_features,
                    "is_sequence": modality.is_sequence,
                    "feature_names": list(data.feature_names[name]) if name in data.feature_names else None,
                    "categories": {feature: list(own) for feature, own in data.categories[name].items()}
                    if name in data.categories
                    else None,
                    "shape": modality.shape,
                    "padding": modality.padding,
                    "text": list(data.text[name]) if name in data.text else None,
                }
                for name, modality in data.modalities.items()
            },
            "target": None if target is None else _form_of_target(target),
        }

    def schemas(self) -> tuple[ModalitySchema, ...]:
        """Return the schema of every modality, sorted by name."""
        return tuple(form.schema_of(name) for name, form in sorted(self.modalities.items()))

    def feature_names(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the features by modality, for the modalities that have any."""
        return {schema.name: schema.feature_names for schema in self.schemas() if schema.feature_names is not None}

    def categories(self) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """Return the categories by modality and feature, for the modalities that have any."""
        return {name: form.categories for name, form in sorted(self.modalities.items()) if form.categories}

    def text(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the features of free text by modality, for the modalities that have any."""
        return {name: form.text for name, form in sorted(self.modalities.items()) if form.text}


def read_card(folder: Path) -> StoreCard:
    """Read and validate the card of the store in `folder`.

    Raises
    ------
    DataError
        If the card does not exist (for example because writing was interrupted), is damaged or inconsistent, or has an
        unsupported version.
    """
    path = folder / CARD_FILE
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise DataError(f"{path}: larger than {MAX_CARD_BYTES} bytes, so not the card of a store")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{folder}: no {CARD_FILE}: not a store, or incompletely written") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error})") from None
    if not isinstance(content, dict) or content.get("format") != "redcore-store":
        raise DataError(f"{path}: not the card of a store (no 'format': 'redcore-store')")
    if content.get("schema_version") != 1:
        raise DataError(f"{path}: schema version is {content.get('schema_version')!r}, expected 1")
    try:
        card = StoreCard.checked(content)
    except RedCoreError as error:
        raise DataError(f"{path}: {error}") from None
    n_samples = sum(shard.n_samples for shard in card.shards)
    if n_samples != card.n_samples:
        raise DataError(f"{path}: the shards contain {n_samples} samples, expected {card.n_samples}")
    if len({shard.file for shard in card.shards}) < len(card.shards):
        raise DataError(f"{path}: lists a shard twice")
    return card


def _form_of_target(target: Target | TargetPart) -> dict[str, Any]:
    """Return the fields of `StoredTarget` or, for one of several targets, of `StoredPart`."""
    form = {
        "kind": target.kind,
        "classes": None if target.classes is None else target.classes.tolist(),
        "n_outputs": 2 if target.kind.is_survival else target.n_outputs,
    }
    if isinstance(target, TargetPart):
        return {**form, "name": target.name}
    if not target.kind.is_mixed:
        return form
    return {**form, "n_outputs": target.values.shape[1], "parts": [_form_of_target(part) for part in target.parts]}
