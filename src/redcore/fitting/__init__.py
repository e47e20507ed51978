"""Gradient-descent training of networks on Lightning Fabric, independent of any particular method."""

from redcore.fitting._context import Callback, FitContext
from redcore.fitting._history import History
from redcore.fitting._network import NetworkOutput, StepContext, SubNetwork, TrainableNetwork, all_parameters, slices
from redcore.fitting._plan import Plan
from redcore.fitting._processes import process_rank
from redcore.fitting._settings import TrainingSettings
from redcore.fitting._stepper import Stepper, predict_batches
from redcore.fitting._tensorboard import TensorBoardLogger
from redcore.fitting._trainer import Trainer, seeded, threads

__all__ = [
    "Callback",
    "FitContext",
    "History",
    "NetworkOutput",
    "Plan",
    "StepContext",
    "Stepper",
    "SubNetwork",
    "TensorBoardLogger",
    "TrainableNetwork",
    "Trainer",
    "TrainingSettings",
    "all_parameters",
    "predict_batches",
    "process_rank",
    "seeded",
    "slices",
    "threads",
]
