"""Distributed training with the processes that torchrun has started, on one or several machines."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, distributed, nn

from redcore._types import IntArray
from redcore.exceptions import SettingsError
from redcore.fitting._settings import TrainingSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Processes", "process_count", "process_rank"]


TIMEOUT = timedelta(minutes=10)
"""Time after which a process that does not respond counts as lost."""


def process_count() -> int:
    """Return the number of processes that torchrun has started; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def process_rank() -> int:
    """Return the rank of this process among those that torchrun has started; 0 without torchrun."""
    return int(os.environ["RANK"]) if process_count() > 1 else 0


def _check_accelerator(name: str) -> None:
    """Raise `SettingsError` if this machine does not have the accelerator."""
    is_absent = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
    if is_absent.get(name, False):
        raise SettingsError(
            f"setting 'accelerator' is {name!r}, but torch finds no such device; expected 'cpu' or 'auto'"
        )


class _SingleCPU:
    """One process on the CPU in single precision, with the methods of Lightning Fabric that a fit calls.

    Fabric computes the same in this case, but its import takes a quarter of a second.
    """

    device = torch.device("cpu")

    def setup(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
        """Return both unchanged."""
        return network, optimizer

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss."""
        loss.backward()  # type: ignore[no-untyped-call]


def _on_one_device(settings: TrainingSettings) -> "Fabric | _SingleCPU":
    """Return the device and precision of a fit in one process."""
    has_accelerator = torch.cuda.is_available() or torch.backends.mps.is_available()
    on_cpu = settings.accelerator == "cpu" or (settings.accelerator == "auto" and not has_accelerator)
    if settings.device_index is not None and settings.accelerator == "cpu":
        raise SettingsError("setting 'device_index' needs an accelerator; expected 'cuda', 'mps' or 'auto', got 'cpu'")
    if on_cpu and settings.precision == "32-true":
        return _SingleCPU()
    from lightning_fabric import Fabric

    index = settings.device_index
    if index is not None and torch.cuda.is_available() and index >= torch.cuda.device_count():
        raise SettingsError(f"setting 'device_index' is {index}; expected at most {torch.cuda.device_count() - 1}")
    devices = 1 if index is None or on_cpu else [index]
    return Fabric(accelerator=settings.accelerator, devices=devices, precision=settings.precision)


def _on_started_processes(settings: TrainingSettings, n: int) -> "Fabric":
    """Return Lightning Fabric for the `n` processes that torchrun has started, connected to one another."""
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    on_this_machine = int(os.environ["LOCAL_WORLD_SIZE"])
    # an encoder is unused in a process if no sample of its share observes the modality
    strategy = DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, timeout=TIMEOUT)
    fabric = Fabric(
        accelerator=settings.accelerator,
        devices=on_this_machine,
        num_nodes=n // on_this_machine,
        precision=settings.precision,
        strategy=strategy,
    )
    fabric.launch()
    return fabric


class Processes:
    """Device, precision and collective operations of a fit that is shared by one or several processes.

    Every process has all data, computes its share of each batch, and has the same weights after each step.

    Parameters
    ----------
    settings : TrainingSettings

    Attributes
    ----------
    fabric : Fabric or _SingleCPU
    n, rank : int
        Number of processes, and rank of this process.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        _check_accelerator(settings.accelerator)
        self.n, self.rank = process_count(), process_rank()
        self.fabric = _on_one_device(settings) if self.n == 1 else _on_started_processes(settings, self.n)

    @property
    def is_plain_cpu(self) -> bool:
        """True for a fit in one process on the CPU in single precision."""
        return isinstance(self.fabric, _SingleCPU)

    def share(self, rows: IntArray) -> IntArray:
        """Return the rows of a batch that this process computes."""
        return rows[self.rank :: self.n]

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over all processes (all-reduce), detached from the graph."""
        if self.n == 1:
            return values.detach()
        sums = values.detach().clone()
        distributed.all_reduce(sums)
        return sums

    def any(self, flag: bool) -> bool:
        """Return True if the flag is set on any process (all-reduce)."""
        return flag if self.n == 1 else bool(self.total(torch.tensor(float(flag), device=self.fabric.device)))

    def gather(self, local: Tensor, n_rows: int) -> Tensor:
        """Return the results of all processes for `n_rows` rows, in the order of the rows (all-gather).

        Parameters
        ----------
        local : tensor
            Results of this process, for the rows that `share` assigns to it.
        n_rows : int
            Number of rows of all processes.
        """
        if self.n == 1:
            return local
        longest = -(-n_rows // self.n)
        padded = local.new_zeros((longest, *local.shape[1:]))
        padded[: len(local)] = local
        parts = [torch.empty_like(padded) for _ in range(self.n)]
        distributed.all_gather(parts, padded)
        # row r is entry r // n of the process with rank r % n
        return torch.stack(parts, dim=1).flatten(0, 1)[:n_rows]

    def seed(self, seed: int, step: int) -> None:
        """Seed the random generator of each of several processes by (seed, rank, step), so that their noise differs."""
        if self.n > 1:
            torch.manual_seed(int(np.random.default_rng([seed, self.rank, step]).integers(2**63)))

    def wait(self) -> None:
        """Wait until all processes have called this function (barrier)."""
        if self.n > 1:
            distributed.barrier()
