"""Noise-free outputs of modules for the samples of a data set."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from redcore.data import MultimodalData
from redcore.nn import batches

__all__ = ["predict_batches"]


def predict_batches(
    network: Any, data: MultimodalData, device: torch.device | None = None, *, is_linear: bool = False
) -> Iterator[Any]:
    """Yield the noise-free output of a network, or of another module on batches, for the `batches` of `data`."""
    if _in_training(network):
        network.eval()
    for batch in batches(data, device, is_linear=is_linear):
        # not around the loop: the caller runs between two batches
        with torch.inference_mode():
            output = network(batch)
        yield output


def _in_training(network: nn.Module) -> bool:
    """Return True if a module or one of its submodules is in training mode.

    `nn.Module.eval` sets an attribute of every submodule, which takes a fifth of the prediction of a single sample.
    """
    modules = [network]
    for module in modules:
        if module.training:
            return True
        modules += [child for child in module._modules.values() if child is not None]
    return False
