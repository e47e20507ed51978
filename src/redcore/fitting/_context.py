"""Arguments of a fit other than the data: seed, callbacks, checkpoint file and starting point."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redcore.data import MultimodalData

__all__ = ["Callback", "FitContext"]


class Callback:
    """Base class of callbacks; its methods do nothing. Override them to monitor or stop a fit.

    Library code never prints. Progress output belongs in a callback.

    Attributes
    ----------
    watches_gradients : bool
        If True, the values of `on_step` and the history contain ``gradient_norm/<modality>``: the L2 norm of the
        gradient of the loss with respect to the parameters of the encoder of that modality, before clipping.
    watches_weights : bool
        If True, `on_weights` is called. It is read before the fit.
    """

    watches_gradients: bool = False
    watches_weights: bool = False

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Handle the start of training at step `first_step` (above 0 if resumed), with `n_steps` steps at most.

        A method with several networks calls this function for each. The events of the second network follow those of
        the first, also if the networks are trained at the same time.
        """

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Handle the end of step `step` (counted from 0); `values` are the values recorded in the history."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Handle the end of epoch `epoch` (counted from 0), after its validation."""

    def on_weights(self, epoch: int, weights: Mapping[str, Any]) -> None:
        """Handle the weights at the end of epoch `epoch`, after `on_epoch`: a copy of the state dict of the network.

        The weights are averaged, as the setting `weight_averaging` states. They are those that are validated.
        """

    def should_stop(self) -> bool:
        """Return True to stop after this step. The fit then saves a checkpoint and raises `TrainingInterrupted`."""
        return False


@dataclass(frozen=True)
class FitContext:
    """Seed, callbacks, checkpoint file and starting point of a fit.

    Attributes
    ----------
    seed : int
    callbacks : sequence of Callback
    checkpoint : Path or None
        File that the fit writes, and resumes from if it exists.
    start : object or None
        Fitted method whose weights and preprocessing the fit starts from.
    unlabelled : MultimodalData or None
        Samples without labels, in the form of the training data.
    """

    seed: int = 0
    callbacks: Sequence[Callback] = ()
    checkpoint: Path | None = None
    start: Any = None
    unlabelled: MultimodalData | None = None

    @contextmanager
    def single_step(self) -> Iterator[None]:
        """Report the block to the callbacks as a fit of one step, for methods without gradient descent."""
        for callback in self.callbacks:
            callback.on_start(1, 0)
        yield
        for callback in self.callbacks:
            callback.on_step(0, {})
