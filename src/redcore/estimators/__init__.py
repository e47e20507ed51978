"""scikit-learn estimators for all methods, on data with missing modalities."""

from redcore.estimators._base import MultimodalEstimator
from redcore.estimators._classifier import MethodClassifier, RedCoreClassifier
from redcore.estimators._inputs import as_data
from redcore.estimators._regressor import MethodRegressor, RedCoreRegressor

__all__ = [
    "MethodClassifier",
    "MethodRegressor",
    "MultimodalEstimator",
    "RedCoreClassifier",
    "RedCoreRegressor",
    "as_data",
]
