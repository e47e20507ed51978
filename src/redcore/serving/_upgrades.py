"""Bring what older versions wrote to the present form: version by version, content and numbers."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from redcore._types import AnyArray

__all__ = ["upgraded"]

Model = tuple[dict[str, Any], dict[str, AnyArray]]
"""Content and numbers."""

MODULES_OF_1 = re.compile(r"(.*network/)(encoders|imputers|unimodal_heads)\.(\d+)\.(.*)")
POOLED_OF_1 = {
    "message_weight": "messages.weight",
    "message_bias": "messages.bias",
    "code_weight": "codes.weight",
    "code_bias": "codes.bias",
}
POOLING_HEADS = 8


def upgraded(content: dict[str, Any], arrays: dict[str, AnyArray], version: int) -> Model:
    """Return content and numbers in the form of `version`."""
    for step in range(content["schema_version"], version):
        content, arrays = _UPGRADES[step](content, arrays)
    return content, arrays


def _from_1(content: dict[str, Any], arrays: dict[str, AnyArray]) -> Model:
    """Version 1 knew nothing of the training data, and RedCore had a module for each modality."""
    content = {**content, "schema_version": 2, "versions": {}, "record": {}}
    return content, _stacked(_pooled(arrays)) if content["method"] == "redcore" else arrays


def _stacked(arrays: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Put the parameters of bottlenecks, imputers and unimodal heads on top of one another, modality by modality."""
    result: dict[str, AnyArray] = {}
    piles: dict[str, dict[int, AnyArray]] = {}
    for name, array in arrays.items():
        found = MODULES_OF_1.fullmatch(name)
        if found is None:
            result[name] = array
            continue
        start, kind, index, rest = found.groups()
        if kind == "encoders" and rest.startswith("encoder."):
            result[f"{start}encoders.encoders.{index}.{rest.removeprefix('encoder.')}"] = array
            continue
        place = rest if kind == "encoders" else f"{kind}.{rest}"
        piles.setdefault(start + place, {})[int(index)] = array
    return result | {name: np.stack([pile[index] for index in sorted(pile)]) for name, pile in piles.items()}


def _pooled(arrays: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Name the parameters of pooled imputers as now; what was a plain mean is attention of equal affinities."""
    result: dict[str, AnyArray] = {}
    for name, array in arrays.items():
        start, _, last = name.rpartition(".")
        if not start.endswith("imputers") or last not in POOLED_OF_1:
            result[name] = array
            continue
        result[f"{start}.{POOLED_OF_1[last]}"] = np.ascontiguousarray(array.swapaxes(1, -1))
        n = len(array)
        result[f"{start}.affinity"] = np.zeros((POOLING_HEADS, n, n), dtype=np.float32)
    return result


_UPGRADES: dict[int, Callable[[dict[str, Any], dict[str, AnyArray]], Model]] = {1: _from_1}
"""By version: to the next one."""
