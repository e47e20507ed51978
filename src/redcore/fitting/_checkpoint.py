"""Checkpoints in one safetensors file, replaced atomically. A resumed fit gives bit-identical results."""

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
    """Write tensors and `info` to `path`.

    Parameters
    ----------
    path : Path
    groups : mapping of str to mapping of str to tensor
        State dicts by group name, such as ``"model"``.
    info : mapping
        Values that can be converted to JSON.
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous().clone()
        for group, state in groups.items()
        for name, tensor in state.items()
    }
    metadata = {"format": FORMAT, "info": json.dumps(dict(info))}
    write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata=metadata))


def load_checkpoint(path: Path, request: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read a checkpoint written by `save_checkpoint`.

    Parameters
    ----------
    path : Path
    request : str
        Hash of the data, settings and seed of the fit. It must equal ``info["request"]`` of the file.

    Raises
    ------
    ModelFileError
        If the file is truncated or not a checkpoint.
    RunError
        If the file belongs to a fit with other data, settings or seed.
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
        raise ModelFileError(f"{path}: not a readable checkpoint: truncated or of another format ({error})") from None
    if info.get("request") != request:
        raise RunError(f"{path}: belongs to a fit with other data, settings or seed; remove it to start again")
    return groups, info


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser as a flat dict with keys ``"<parameter index>/<name>"``."""
    state = optimizer.state_dict()["state"]
    return {f"{index}/{name}": value for index, entry in state.items() for name, value in entry.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Load the state that `optimizer_tensors` returned into an optimiser."""
    content = optimizer.state_dict()
    content["state"] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition("/")
        content["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(content)
