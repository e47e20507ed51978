"""Temporary changes of torch's global state."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded", "threads"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block, and restore its global random state afterwards."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Let torch use `n_threads` threads inside the block; None keeps the current number."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
