"""Linear models for all kinds of targets: of tables, of single modalities, and of several modalities together."""

from redcore.linear._discriminant import Density, Discriminant
from redcore.linear._fit import LinearSettings, fit_linear, folds, linear_outputs
from redcore.linear._hazard import hazard_losses
from redcore.linear._model import LinearModel
from redcore.linear._pool import Combination
from redcore.linear._unimodal import UnimodalLinear

__all__ = [
    "Combination",
    "Density",
    "Discriminant",
    "LinearModel",
    "LinearSettings",
    "UnimodalLinear",
    "fit_linear",
    "folds",
    "hazard_losses",
    "linear_outputs",
]
