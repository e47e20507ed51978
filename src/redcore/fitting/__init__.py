"""Gradient-descent training of networks, independent of any particular method.

The public names are imported on first use, so that a prediction does not load the training code.
"""

from typing import TYPE_CHECKING

from redcore._lazy import on_first_use

if TYPE_CHECKING:
    from redcore.fitting._context import Callback, FitContext
    from redcore.fitting._history import History
    from redcore.fitting._lockstep import Lockstep
    from redcore.fitting._loggers import EpochCheckpoints, LightningLogging
    from redcore.fitting._network import (
        NetworkOutput,
        StepContext,
        SubNetwork,
        TrainableNetwork,
        all_parameters,
        slices,
    )
    from redcore.fitting._plan import Plan
    from redcore.fitting._prediction import predict_batches
    from redcore.fitting._processes import process_count, process_rank
    from redcore.fitting._progress import EpochLines, ProgressBar, progress_callbacks
    from redcore.fitting._settings import TrainingSettings
    from redcore.fitting._stepper import Stepper
    from redcore.fitting._tensorboard import TensorBoardLogger
    from redcore.fitting._torch_state import seeded, threads
    from redcore.fitting._trainer import Trainer

__all__ = [
    "Callback",
    "EpochCheckpoints",
    "EpochLines",
    "FitContext",
    "History",
    "LightningLogging",
    "Lockstep",
    "NetworkOutput",
    "Plan",
    "ProgressBar",
    "StepContext",
    "Stepper",
    "SubNetwork",
    "TensorBoardLogger",
    "TrainableNetwork",
    "Trainer",
    "TrainingSettings",
    "all_parameters",
    "predict_batches",
    "process_count",
    "process_rank",
    "progress_callbacks",
    "seeded",
    "slices",
    "threads",
]

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "_context": ("Callback", "FitContext"),
        "_history": ("History",),
        "_lockstep": ("Lockstep",),
        "_loggers": ("EpochCheckpoints", "LightningLogging"),
        "_network": ("NetworkOutput", "StepContext", "SubNetwork", "TrainableNetwork", "all_parameters", "slices"),
        "_plan": ("Plan",),
        "_prediction": ("predict_batches",),
        "_processes": ("process_count", "process_rank"),
        "_progress": ("EpochLines", "ProgressBar", "progress_callbacks"),
        "_settings": ("TrainingSettings",),
        "_stepper": ("Stepper",),
        "_tensorboard": ("TensorBoardLogger",),
        "_torch_state": ("seeded", "threads"),
        "_trainer": ("Trainer",),
    },
)
