"""TensorBoard logging of a fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redcore.exceptions import RunError
from redcore.fitting._context import Callback

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger(Callback):
    """Callback that logs losses, supervision weights and relative advantages to TensorBoard. Close it after the fit.

    Each network of a method with several networks has its own folder: ``network-1``, ``network-2``. A resumed fit
    continues in the same folder and replaces values logged after its checkpoint.

    Parameters
    ----------
    folder : Path
        Folder of the event files, created if it does not exist.
    every : int, default 10
        Number of steps between two logged steps. All epochs are logged.

    Raises
    ------
    RunError
        If TensorBoard is not installed.
    """

    def __init__(self, folder: Path, every: int = 10) -> None:
        self.folder, self.every = folder, every
        self._writer_class = _writer_class()
        self._writer: Any = None
        self._n_fits = 0

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Open the folder of the next network."""
        self.close()
        self._n_fits += 1
        folder = str(self.folder / f"network-{self._n_fits}")
        self._writer = self._writer_class(folder, purge_step=first_step or None)

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of every `every`-th step."""
        if step % self.every == 0:
            self._log(values, step)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log the validation results of an epoch."""
        self._log({f"epoch/{name}": value for name, value in values.items()}, epoch)

    def close(self) -> None:
        """Write pending values to disk. Further values can be logged afterwards."""
        if self._writer is not None:
            self._writer.close()

    def _log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise RunError("TensorBoard is not installed: pip install 'redcore[tensorboard]'") from None
    return SummaryWriter
