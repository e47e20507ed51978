"""Bring what older versions wrote to the present form: version by version, content and numbers."""

from collections.abc import Callable
from typing import Any

from redcore._types import AnyArray
from redcore.exceptions import ModelFileError

__all__ = ["upgraded"]

Model = tuple[dict[str, Any], dict[str, AnyArray]]
"""Content and numbers."""

TRANSFORMER_OF_1 = {".mlp.0.": ".widen.", ".mlp.3.": ".narrow."}


def upgraded(content: dict[str, Any], arrays: dict[str, AnyArray], version: int) -> Model:
    """Return content and numbers in the form of `version`.

    Raises
    ------
    ModelFileError
        If they have none.
    """
    for step in range(content["schema_version"], version):
        content, arrays = _UPGRADES[step](content, arrays)
    return content, arrays


def _from_1(content: dict[str, Any], arrays: dict[str, AnyArray]) -> Model:
    """Version 1 knew nothing of the training data, and named parts of Transformers otherwise."""
    if content["method"] == "redcore":
        # each of its networks had preprocessing and linear models of its own, which one model no longer holds
        raise ModelFileError("RedCore of schema version 1 has no form in this version of redcore: fit it again")
    content = {**content, "schema_version": 2, "versions": {}, "record": {}}
    return content, {_renamed(name): array for name, array in arrays.items()}


def _renamed(name: str) -> str:
    for old, new in TRANSFORMER_OF_1.items():
        name = name.replace(old, new)
    return name


_UPGRADES: dict[int, Callable[[dict[str, Any], dict[str, AnyArray]], Model]] = {1: _from_1}
"""By version: to the next one."""
