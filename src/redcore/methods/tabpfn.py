"""TabPFN: pretrained tabular foundation model on the concatenated features, with NaN for missing modalities."""

from pathlib import Path
from typing import Any

import torch

from redcore.methods._base import PretrainedTableMethod

__all__ = ["METHOD", "TabPFN"]

SOURCE = (
    "Hollmann et al. (2025), Accurate predictions on small data with a tabular foundation model, Nature 637; the "
    "authors' package tabpfn (Apache-2.0; the weights have other licences). Differences: the features are standardised "
    "before the package preprocesses them; computations are in float32, because predictions in half precision depend "
    "on the other samples of a call; limits on the numbers of samples and columns are those of the settings and not "
    "those of the package"
)


class TabPFN(PretrainedTableMethod):
    """TabPFN (Hollmann et al., 2025). The number of classes is limited by the weights, for example to 10."""

    package = "tabpfn"

    def _estimator(self, weights: Path, is_classifier: bool) -> Any:
        from tabpfn import TabPFNClassifier, TabPFNRegressor

        kind = TabPFNClassifier if is_classifier else TabPFNRegressor
        return kind(
            n_estimators=self.pretrained.n_estimators,
            model_path=weights,
            device="cpu",
            ignore_pretraining_limits=True,
            inference_precision=torch.float32,
            random_state=self.seed,
        )


METHOD = TabPFN
