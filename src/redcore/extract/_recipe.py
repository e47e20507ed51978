"""Recipe of an extraction: provenance and fitted arrays, with which new recordings are converted to features."""

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from redcore._arrays import prefixed, unprefixed
from redcore._files import json_text, read_json, write_atomic
from redcore._types import AnyArray
from redcore._version import __version__
from redcore.exceptions import DataError, DataWarning, RunError
from redcore.extract._extractor import Features
from redcore.extract._plan import ModalityPlan
from redcore.extract._source import Source
from redcore.extract._worker import checked, extractor_of

__all__ = ["Recipe", "copy_recipes", "load_recipes", "recipe_files"]

CONTENT, ARRAYS = "extraction.json", "extraction.safetensors"
RUN_FOLDER = "extraction"
SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Recipe:
    """Conversion of a recording of one modality to features, as in the store that a model was trained on.

    Attributes
    ----------
    plan : ModalityPlan
    fitted : dict of str to array
        Arrays that were fitted to the training recordings; empty for most extractors.
    """

    plan: ModalityPlan
    fitted: dict[str, AnyArray]

    def prepare(self) -> None:
        """Load packages and models, so that the first recording takes no longer than the others."""
        extractor_of(self.plan).prepare()

    def features(self, content: bytes, max_seconds: float) -> Features:
        """Return the features of the content of a file.

        Raises
        ------
        DataError
            If the content is damaged, unsuitable, or audio or video of more than `max_seconds`.
        """
        extractor = extractor_of(self.plan)
        item = checked(extractor.extract(Source(io.BytesIO(content), max_seconds)))
        return extractor.finish(self.fitted, item)


def recipe_files(content: Mapping[str, Any], fitted: Mapping[str, Mapping[str, AnyArray]]) -> dict[str, bytes]:
    """Return the files of an extraction by name.

    Parameters
    ----------
    content : mapping
        JSON-serialisable provenance, with ``modalities``.
    fitted : mapping of str to mapping
        Fitted arrays by modality.
    """
    arrays = save({name: array for key, own in fitted.items() for name, array in prefixed(f"{key}/", own).items()})
    full = {
        "schema_version": SCHEMA_VERSION,
        "redcore_version": __version__,
        **content,
        "tensors_sha256": hashlib.sha256(arrays).hexdigest(),
    }
    return {CONTENT: json_text(full).encode(), ARRAYS: arrays}


def copy_recipes(store: Path, run: Path) -> None:
    """Copy the recipes of an extracted store to a run folder. Other data has none, and nothing is copied."""
    if not (store / CONTENT).is_file():
        return
    (run / RUN_FOLDER).mkdir(exist_ok=True)
    for name in (ARRAYS, CONTENT):
        _copy(store / name, run / RUN_FOLDER / name)


def _copy(source: Path, target: Path) -> None:
    raw = source.read_bytes()
    write_atomic(target, lambda temporary: temporary.write_bytes(raw))


def load_recipes(folder: Path) -> dict[str, Recipe]:
    """Return the recipes of an extracted store, or of a run on one, by modality; empty for other folders.

    Raises
    ------
    RunError
        If the files are damaged, or if a package is not installed.
    SettingsError
        If a pretrained model does not exist.
    DataError
        If a pretrained model is not that of the extraction.

    Warns
    -----
    DataWarning
        If a package has another version than in the extraction.
    """
    if (folder / RUN_FOLDER / CONTENT).is_file():
        folder = folder / RUN_FOLDER
    if not (folder / CONTENT).is_file():
        return {}
    content = read_json(folder / CONTENT)
    if content.get("schema_version") != SCHEMA_VERSION:
        raise RunError(f"{folder / CONTENT}: schema version {content.get('schema_version')}, expected {SCHEMA_VERSION}")
    try:
        raw = (folder / ARRAYS).read_bytes()
        if hashlib.sha256(raw).hexdigest() != content["tensors_sha256"]:
            raise RunError(f"{folder / ARRAYS}: truncated or changed since it was written (checksum differs)")
        arrays = load(raw)
        plans = {
            name: (ModalityPlan(name, own["medium"], own["extractor"], own["options"]), own)
            for name, own in content["modalities"].items()
        }
    except (OSError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise RunError(f"{folder}: damaged extraction ({type(error).__name__}: {error})") from None
    for plan, description in plans.values():
        _check_same(plan, description)
    return {name: Recipe(plan, unprefixed(f"{name}/", arrays)) for name, (plan, _) in plans.items()}


def _check_same(plan: ModalityPlan, recorded: Mapping[str, Any]) -> None:
    """Compare the model and the packages with those of the extraction."""
    current = plan.description(extractor_of(plan))
    if current["model_sha256"] != recorded["model_sha256"]:
        raise DataError(f"modality {plan.name!r}: the files of the model have changed since the extraction")
    for package, number in recorded["packages"].items():
        if current["packages"].get(package) != number:
            text = (
                f"{package} {current['packages'].get(package)} is installed, but features were extracted with {number}"
            )
            warnings.warn(DataWarning(f"modality {plan.name!r}: {text}"), stacklevel=3)
