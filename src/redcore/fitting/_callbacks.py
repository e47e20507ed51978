"""What a caller may watch and stop during a fit."""

from collections.abc import Mapping

__all__ = ["Callback"]


class Callback:
    """Does nothing; override what is of interest. Library code never prints: progress is a callback's work.

    Attributes
    ----------
    watches_gradients : bool
        Whether `on_step`, and the history, are to have ``gradient_norm/<modality>``: the L2 norm of the gradient of the
        loss by the parameters of the modality's encoder, before clipping.
    """

    watches_gradients: bool = False

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Training begins at `first_step` (above 0 after a resume) and does at most `n_steps` steps.

        A method of several networks makes a fit of each, one after the other, and calls this for each.
        """

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Step `step` (from 0) is done; `values` is what the history records of it."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Epoch `epoch` (from 0) is done and validated."""

    def should_stop(self) -> bool:
        """Whether to stop after this step, with a checkpoint and `TrainingInterrupted`."""
        return False
