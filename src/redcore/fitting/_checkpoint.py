"""Checkpoints in one safetensors file, replaced atomically. A resumed fit gives bit-identical results."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from redcore._files import write_atomic
from redcore.exceptions import ModelFileError, RunError

__all__ = ["load_checkpoint", "save_checkpoint"]

FORMAT = "redcore-checkpoint-2"


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
    text = json.dumps(dict(info))
    raw = save(tensors, {"format": FORMAT, "info": text, "sha256": _digest(tensors, text)})
    write_atomic(path, lambda temporary: temporary.write_bytes(raw))


def _digest(tensors: Mapping[str, Tensor], info: str) -> str:
    """Return the SHA-256 of the names, types, shapes and values of all tensors, and of the other values."""
    digest = hashlib.sha256(info.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_checkpoint(path: Path, request: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read a checkpoint written by `save_checkpoint`.

    Parameters
    ----------
    path : Path
    request : str
        Hash of the data, settings and seed of the fit, or those of several networks, with blanks between them. It must
        equal ``info["request"]`` of the file.

    Raises
    ------
    ModelFileError
        If the file is truncated, changed or not a checkpoint.
    RunError
        If the file belongs to a fit with other data, settings or seed.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelFileError(f"{path}: not a checkpoint of this version ({FORMAT})")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            if metadata.get("sha256") != _digest(tensors, metadata.get("info", "")):
                raise ModelFileError(f"{path}: changed since it was written (checksum differs)")
            info: dict[str, Any] = json.loads(metadata["info"])
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path}: not a readable checkpoint: truncated or of another format ({error})") from None
    for key, tensor in tensors.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = tensor
    if info.get("request") != request:
        n_networks, expected = (len(str(text).split()) for text in (info.get("request"), request))
        difference = "other data, settings or seed"
        if n_networks != expected:
            difference = f"{n_networks} network(s) in one checkpoint, expected {expected}, as of another version"
        raise RunError(f"{path}: belongs to a fit with {difference}; remove it to start again")
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
