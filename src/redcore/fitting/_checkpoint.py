"""Checkpoints: one safetensors file, replaced atomically, from which a killed fit goes on bit by bit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from redcore._files import write_atomic
from redcore.exceptions import ModelFileError, RunError

__all__ = ["load_checkpoint", "save_checkpoint"]

FORMAT = "redcore-checkpoint-1"


def save_checkpoint(path: Path, groups: Mapping[str, Mapping[str, Tensor]], info: Mapping[str, Any]) -> None:
    """Write tensors and JSON-ready `info` to `path`.

    Parameters
    ----------
    path : Path
    groups : mapping of str to mapping of str to tensor
        State dicts by group name, such as ``"model"``.
    info : mapping
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous().clone()
        for group, state in groups.items()
        for name, tensor in state.items()
    }
    metadata = {"format": FORMAT, "info": json.dumps(dict(info))}
    write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata=metadata))


def load_checkpoint(path: Path, request: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Parameters
    ----------
    path : Path
    request : str
        Must equal ``info["request"]``: what was asked of the fit that wrote the file.

    Raises
    ------
    ModelFileError
        If the file is truncated or foreign.
    RunError
        If it belongs to a fit with other data, settings or seed.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelFileError(f"{path}: not a checkpoint of this version ({FORMAT})")
            info: dict[str, Any] = json.loads(metadata["info"])
            for key in file.keys():  # noqa: SIM118 - not a mapping
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path}: not a readable checkpoint: truncated or foreign ({error})") from None
    if info.get("request") != request:
        raise RunError(f"{path}: belongs to a fit with other data, settings or seed; remove it to start anew")
    return groups, info


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten an optimiser's state: ``"<parameter index>/<name>"``."""
    state = optimizer.state_dict()["state"]
    return {f"{index}/{name}": value for index, entry in state.items() for name, value in entry.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give back what `optimizer_tensors` returned."""
    content = optimizer.state_dict()
    content["state"] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition("/")
        content["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(content)
