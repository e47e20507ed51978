"""What methods are made of: the `Method` base, and training by gradient descent on Lightning Fabric."""

from redcore.training._callbacks import Callback
from redcore.training._history import History
from redcore.training._method import FitContext, Method
from redcore.training._network import NetworkOutput, TrainableNetwork
from redcore.training._preprocessing import Preprocessor
from redcore.training._settings import MethodSettings, TrainingSettings
from redcore.training._stepper import Stepper
from redcore.training._torch_method import ModalityForm, TorchMethod
from redcore.training._trainer import seeded

__all__ = [
    "Callback",
    "FitContext",
    "History",
    "Method",
    "MethodSettings",
    "ModalityForm",
    "NetworkOutput",
    "Preprocessor",
    "Stepper",
    "TorchMethod",
    "TrainableNetwork",
    "TrainingSettings",
    "seeded",
]
