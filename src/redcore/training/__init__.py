"""What methods are made of: the `Method` base, and training by gradient descent on Lightning Fabric."""

from redcore.training._callbacks import Callback
from redcore.training._codes import CodeSettings
from redcore.training._combination import Combination
from redcore.training._discriminant import Density, Discriminant
from redcore.training._ensemble import EnsembleMethod, Split
from redcore.training._evidence import Evidence, Trial
from redcore.training._fusion import FusionSettings
from redcore.training._history import History
from redcore.training._linear import LinearSettings, fit_linear, linear_outputs
from redcore.training._method import FitContext, Method
from redcore.training._network import NetworkOutput, SubNetwork, TrainableNetwork, slices, whole
from redcore.training._plan import Plan
from redcore.training._preprocessing import Preprocessor
from redcore.training._processes import process_rank
from redcore.training._settings import MethodSettings, TrainingSettings
from redcore.training._source import pieces
from redcore.training._stacking import Stack
from redcore.training._stepper import Stepper, predict_batches
from redcore.training._tabular import TabularMethod, vectors_of
from redcore.training._tensorboard import TensorBoardLogger
from redcore.training._torch_method import ModalityForm, TorchMethod, group
from redcore.training._trainer import seeded
from redcore.training._unimodal_linear import UnimodalLinear

__all__ = [
    "Callback",
    "CodeSettings",
    "Combination",
    "Density",
    "Discriminant",
    "EnsembleMethod",
    "Evidence",
    "FitContext",
    "FusionSettings",
    "History",
    "LinearSettings",
    "Method",
    "MethodSettings",
    "ModalityForm",
    "NetworkOutput",
    "Plan",
    "Preprocessor",
    "Split",
    "Stack",
    "Stepper",
    "SubNetwork",
    "TabularMethod",
    "TensorBoardLogger",
    "TorchMethod",
    "TrainableNetwork",
    "TrainingSettings",
    "Trial",
    "UnimodalLinear",
    "fit_linear",
    "group",
    "linear_outputs",
    "pieces",
    "predict_batches",
    "process_rank",
    "seeded",
    "slices",
    "vectors_of",
    "whole",
]
