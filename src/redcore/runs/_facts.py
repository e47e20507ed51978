"""Facts of a fit that the records of runs and of benchmarks share."""

from typing import Any

from redcore.methods import Method

__all__ = ["facts_of_fit"]


def facts_of_fit(method: Method) -> dict[str, Any]:
    """Return final weights, relative advantage, best epoch and number of steps of a fitted method."""
    return {
        "weights": getattr(method, "supervision_weight", {}),
        "relative_advantage": getattr(method, "relative_advantage", {}),
        "best_epoch": method.history.best_epoch,
        "n_steps": method.history.n_steps,
    }
