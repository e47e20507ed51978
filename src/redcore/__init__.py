"""Supervised learning on multimodal data with missing modalities at imbalanced rates.

The public names below are imported on first use, so that ``import redcore`` does not load torch.
"""

from typing import TYPE_CHECKING

from redcore._lazy import on_first_use
from redcore._version import __version__

if TYPE_CHECKING:
    from redcore.data import MultimodalData, Target
    from redcore.datasets import load_dataset
    from redcore.estimators import (
        MethodClassifier,
        MethodMultiTarget,
        MethodRegressor,
        MethodSurvival,
        RedCoreClassifier,
        RedCoreRegressor,
        RedCoreSurvival,
    )
    from redcore.exceptions import RedCoreError
    from redcore.explain import modality_value
    from redcore.export import load_estimator, load_model, save_model
    from redcore.methods import make_method
    from redcore.metrics import evaluate_patterns
    from redcore.missing import ampute, draw_availability
    from redcore.runs import Run, fit_run


__all__ = [
    "MethodClassifier",
    "MethodMultiTarget",
    "MethodRegressor",
    "MethodSurvival",
    "MultimodalData",
    "RedCoreClassifier",
    "RedCoreError",
    "RedCoreRegressor",
    "RedCoreSurvival",
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

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "data": ("MultimodalData", "Target"),
        "datasets": ("load_dataset",),
        "estimators": (
            "MethodClassifier",
            "MethodMultiTarget",
            "MethodRegressor",
            "MethodSurvival",
            "RedCoreClassifier",
            "RedCoreRegressor",
            "RedCoreSurvival",
        ),
        "exceptions": ("RedCoreError",),
        "explain": ("modality_value",),
        "export": ("load_estimator", "load_model", "save_model"),
        "methods": ("make_method",),
        "metrics": ("evaluate_patterns",),
        "missing": ("ampute", "draw_availability"),
        "runs": ("Run", "fit_run"),
    },
)
