"""Callbacks that log a fit with loggers of Lightning, and that keep the weights of epochs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redcore._files import write_atomic
from redcore.fitting._context import Callback

__all__ = ["EpochCheckpoints", "LightningLogging"]


class LightningLogging(Callback):
    """Callback that passes losses and validation results to a logger of Lightning.

    Any logger with ``log_metrics(metrics, step)`` can be used: ``CSVLogger`` and ``TensorBoardLogger`` of
    `lightning_fabric.loggers`, and ``WandbLogger`` and ``MLFlowLogger`` of `lightning.pytorch.loggers`, which need the
    extra ``loggers``. The logger is closed at the end with ``close``.

    Metrics of the second and later networks of an ensemble have the prefix ``network-2/``, ``network-3/``, ... Those of
    epochs have the prefix ``epoch/``, and the number of the epoch as step.

    Parameters
    ----------
    logger : Lightning logger
    every : int, default 10
        Number of steps between two logged steps. All epochs are logged.
    """

    def __init__(self, logger: Any, every: int = 10) -> None:
        self.logger, self.every = logger, every
        self._n_fits = 0

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Count the networks."""
        self._n_fits += 1

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of every `every`-th step."""
        if step % self.every == 0:
            self._log(values, step)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log the validation results of an epoch."""
        self._log({f"epoch/{name}": value for name, value in values.items()}, epoch)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        prefix = f"network-{self._n_fits}/" if self._n_fits > 1 else ""
        self.logger.log_metrics({f"{prefix}{name}": value for name, value in values.items()}, step)

    def close(self) -> None:
        """Write pending values."""
        self.logger.finalize("success")


class EpochCheckpoints(Callback):
    """Callback that keeps the weights of epochs as ``network-<i>/epoch-<n>.safetensors``, counted from 1 and from 0.

    `NetworkMethod.load_weights` reads them. The file with which a fit is resumed is another one: the argument
    ``checkpoint`` of `Method.fit`.

    Parameters
    ----------
    folder : str or Path
        Created if it does not exist.
    every : int, default 1
        Number of epochs between two files.
    """

    watches_weights = True

    def __init__(self, folder: str | Path, every: int = 1) -> None:
        self.folder, self.every = folder, every
        self._n_fits = 0

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Count the networks."""
        self._n_fits += 1

    def on_weights(self, epoch: int, weights: Mapping[str, Any]) -> None:
        """Write the weights of every `every`-th epoch."""
        if epoch % self.every:
            return
        from safetensors.torch import save

        path = Path(self.folder) / f"network-{self._n_fits}" / f"epoch-{epoch:04d}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = save({name: value.cpu().contiguous().clone() for name, value in weights.items()})
        write_atomic(path, lambda temporary: temporary.write_bytes(content))
