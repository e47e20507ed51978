"""The processes that share a fit: one, or as many as torchrun has started, on one machine or several."""

import os
from datetime import timedelta

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed

from redcore._types import IntArray
from redcore.fitting._settings import TrainingSettings

__all__ = ["Processes", "process_rank"]

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others before it takes them for lost."""


def _n_started() -> int:
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def process_rank() -> int:
    """Return the number of this process among those that torchrun has started; 0 without torchrun."""
    return int(os.environ["RANK"]) if _n_started() > 1 else 0


class Processes:
    """Device and precision by Fabric, and what the processes tell one another.

    Every process has all the data, works on its share of each batch, and ends each step with the same weights.

    Parameters
    ----------
    settings : TrainingSettings

    Attributes
    ----------
    fabric : Fabric
    n, rank : int
        Number of processes, and which of them this one is.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.n, self.rank = _n_started(), process_rank()
        if self.n == 1:
            self.fabric = Fabric(accelerator=settings.accelerator, devices=1, precision=settings.precision)
            return
        on_this_machine = int(os.environ["LOCAL_WORLD_SIZE"])
        # a modality that no sample of a process observes leaves its encoder unused there
        strategy = DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, timeout=TIMEOUT)
        self.fabric = Fabric(
            accelerator=settings.accelerator,
            devices=on_this_machine,
            num_nodes=self.n // on_this_machine,
            precision=settings.precision,
            strategy=strategy,
        )
        self.fabric.launch()

    def share(self, rows: IntArray) -> IntArray:
        """Return the part of the rows that is this process's."""
        return rows[self.rank :: self.n]

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over all processes, without a gradient."""
        if self.n == 1:
            return values.detach()
        sums = values.detach().clone()
        distributed.all_reduce(sums)
        return sums

    def any(self, wish: bool) -> bool:
        """Whether any process wishes it."""
        return wish if self.n == 1 else bool(self.total(torch.tensor(float(wish), device=self.fabric.device)))

    def gather(self, mine: Tensor, n_rows: int) -> Tensor:
        """Return what all processes computed of `n_rows` rows shared out by `share`, in the order of the rows."""
        if self.n == 1:
            return mine
        longest = -(-n_rows // self.n)
        padded = mine.new_zeros((longest, *mine.shape[1:]))
        padded[: len(mine)] = mine
        parts = [torch.empty_like(padded) for _ in range(self.n)]
        distributed.all_gather(parts, padded)
        # row r is entry r // n of process r % n
        return torch.stack(parts, dim=1).flatten(0, 1)[:n_rows]

    def seed(self, seed: int, step: int) -> None:
        """Where there are several processes, let each draw noise of its own, which follows from (seed, rank, step)."""
        if self.n > 1:
            torch.manual_seed(int(np.random.default_rng([seed, self.rank, step]).integers(2**63)))

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.n > 1:
            self.fabric.barrier()
