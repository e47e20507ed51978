"""Arguments of a fit other than the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redcore.fitting._callbacks import Callback

__all__ = ["FitContext"]


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
    """

    seed: int = 0
    callbacks: Sequence[Callback] = ()
    checkpoint: Path | None = None
    start: Any = None
