"""TabICL: pretrained tabular foundation model on the concatenated features, with NaN for missing modalities."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from redcore._types import AnyArray
from redcore.exceptions import SettingsError
from redcore.methods._base import PretrainedTableMethod

__all__ = ["METHOD", "TabICL"]

SOURCE = (
    "Qu et al. (2025), TabICL: a tabular foundation model for in-context learning on large data, ICML, arXiv "
    "2502.05564; the authors' package tabicl (BSD-3-Clause). Differences: the features are standardised before the "
    "package preprocesses them; the columns of a missing modality are left out of a prediction, and the package fills "
    "them with the mean in training samples"
)


class TabICL(PretrainedTableMethod):
    """TabICL (Qu et al., 2025)."""

    package = "tabicl"

    def _estimator(self, weights: Path, is_classifier: bool) -> Any:
        from tabicl import TabICLClassifier, TabICLRegressor

        kind = TabICLClassifier if is_classifier else TabICLRegressor
        _check_kind(weights, is_classifier)
        return kind(
            n_estimators=self.pretrained.n_estimators,
            model_path=str(weights),
            allow_auto_download=False,
            device="cpu",
            random_state=self.seed,
        )

    def _evaluate(self, model: Any, table: AnyArray) -> AnyArray:
        # the package leaves out columns that are NaN in all samples of a call: with one call per missing pattern, a
        # prediction does not depend on the other samples
        patterns, groups = np.unique(np.isnan(table), axis=0, return_inverse=True)
        outputs: AnyArray = np.zeros(0)
        for index in range(len(patterns)):
            rows = np.flatnonzero(groups == index)
            part = super()._evaluate(model, table[rows])
            outputs = outputs if outputs.size else np.zeros((len(table), part.shape[1]))
            outputs[rows] = part
        return outputs


def _check_kind(weights: Path, is_classifier: bool) -> None:
    """Raise an error if a file has no weights of TabICL, or weights for the other kind of target."""
    try:
        # without pickle
        n_classes = int(torch.load(weights, map_location="cpu", weights_only=True, mmap=True)["config"]["max_classes"])
    except Exception as error:
        raise SettingsError(f"weights {weights}: expected a checkpoint of TabICL ({type(error).__name__})") from None
    if (n_classes > 0) != is_classifier:
        expected, got = ("classifier", "regressor") if is_classifier else ("regressor", "classifier")
        raise SettingsError(f"weights {weights}: expected the weights of a {expected}, got those of a {got}")


METHOD = TabICL
