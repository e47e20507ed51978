"""Follow a fit in TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redcore.exceptions import RunError
from redcore.fitting._callbacks import Callback

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger(Callback):
    """Writes losses, supervision weights and relative advantages as event files; close it after the fit.

    A method of several networks makes a fit of each, and each gets a folder of its own: ``network-1``, ``network-2``.
    A fit that is resumed goes on in the same folder; what was logged of steps after its checkpoint is replaced.

    Parameters
    ----------
    folder : Path
        Made if need be.
    every : int, default 10
        Steps between two that are logged. Epochs are logged all.

    Raises
    ------
    RunError
        If TensorBoard is not installed.
    """

    def __init__(self, folder: Path, every: int = 10) -> None:
        self.folder, self.every = folder, every
        self._writer_of = _writer_class()
        self._writer: Any = None
        self._n_fits = 0

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Open a folder for this network."""
        self.close()
        self._n_fits += 1
        place = str(self.folder / f"network-{self._n_fits}")
        self._writer = self._writer_of(place, purge_step=first_step or None)

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Log every so many steps."""
        if step % self.every == 0:
            self._log(values, step)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log the validation, by epoch."""
        self._log({f"epoch/{name}": value for name, value in values.items()}, epoch)

    def close(self) -> None:
        """Write what is not written yet; more can be logged after."""
        if self._writer is not None:
            self._writer.close()

    def _log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise RunError("logging for TensorBoard needs it: pip install 'redcore[tensorboard]'") from None
    return SummaryWriter
