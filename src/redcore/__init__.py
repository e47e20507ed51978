"""Supervised learning on multimodal data with missing modalities at imbalanced rates.

The public names below are imported on first use, so that ``import redcore`` does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from redcore._version import __version__

if TYPE_CHECKING:
    from redcore.data import MultimodalData, Target
    from redcore.datasets import load_dataset
    from redcore.estimators import MethodClassifier, MethodRegressor, RedCoreClassifier, RedCoreRegressor
    from redcore.exceptions import RedCoreError
    from redcore.explain import modality_value
    from redcore.export import load_estimator, load_model, save_model
    from redcore.methods import make_method
    from redcore.metrics import evaluate_patterns
    from redcore.missing import ampute, draw_availability
    from redcore.runs import Run, fit_run


__all__ = [
    "MethodClassifier",
    "MethodRegressor",
    "MultimodalData",
    "RedCoreClassifier",
    "RedCoreError",
    "RedCoreRegressor",
    "Run",
    "Target",
    "__version__",
    "ampute",
    "draw_availability",
    "evaluate_patterns",
    "fit_run",
    "load_dataset",
    "load_estimator",
    "load_model",
    "make_method",
    "modality_value",
    "save_model",
]

_PACKAGES = {
    "MethodClassifier": "estimators",
    "MethodRegressor": "estimators",
    "MultimodalData": "data",
    "RedCoreClassifier": "estimators",
    "RedCoreError": "exceptions",
    "RedCoreRegressor": "estimators",
    "Run": "runs",
    "Target": "data",
    "ampute": "missing",
    "draw_availability": "missing",
    "evaluate_patterns": "metrics",
    "fit_run": "runs",
    "load_dataset": "datasets",
    "load_estimator": "export",
    "load_model": "export",
    "make_method": "methods",
    "modality_value": "explain",
    "save_model": "export",
}


def __getattr__(name: str) -> Any:
    if name not in _PACKAGES:
        raise AttributeError(f"module 'redcore' has no attribute {name!r}")
    return getattr(import_module(f"redcore.{_PACKAGES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
