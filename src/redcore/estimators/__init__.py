"""scikit-learn estimators for all methods, on data with missing modalities."""

from redcore.estimators._base import MultimodalEstimator
from redcore.estimators._classifier import MethodClassifier, RedCoreClassifier
from redcore.estimators._inputs import as_data
from redcore.estimators._multi_target import MethodMultiTarget
from redcore.estimators._regressor import MethodRegressor, RedCoreRegressor
from redcore.estimators._survival import MethodSurvival, RedCoreSurvival

__all__ = [
    "MethodClassifier",
    "MethodMultiTarget",
    "MethodRegressor",
    "MethodSurvival",
    "MultimodalEstimator",
    "RedCoreClassifier",
    "RedCoreRegressor",
    "RedCoreSurvival",
    "as_data",
]
