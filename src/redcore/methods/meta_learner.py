"""Meta-learner: a linear model of the out-of-fold predictions of one learner per modality and of availability flags."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray
from redcore.data import MultimodalData, TargetKind
from redcore.fitting import FitContext
from redcore.linear import LinearModel, LinearSettings, UnimodalLinear, fit_linear
from redcore.methods._base import Method, MethodSettings
from redcore.nn import Batch, outputs_of

__all__ = ["METHOD", "MetaLearner"]

SOURCE = (
    "Wolpert (1992), Stacked generalization, Neural Networks 5(2), with availability flags as in the package "
    "avail-omics (PyPI, version 1.0; from its description). Differences: the package offers eleven meta-learners and "
    "holds out one sample at a time; here, all learners are logistic (or ridge) regressions, predictions are out of "
    "five folds, and labels and continuous targets are supported. `stacked` differs in its meta-learner: it weighs "
    "logits by few non-negative weights, fitted to samples with additional missing modalities, and has no flags"
)


class MetaFeatures(nn.Module):
    """Predictions of all modalities side by side, with zeros for missing modalities, and availability flags.

    Parameters
    ----------
    kind : TargetKind
    mean, scale : array (n_outputs,)
        Mean and standard deviation of a continuous target, by which its predictions are standardised.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, kind: TargetKind, mean: AnyArray, scale: AnyArray) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))

    def forward(self, linear: Tensor, present: Tensor) -> Tensor:
        """Return the meta-features, double (n, M * n_outputs + M).

        Parameters
        ----------
        linear : tensor (n, M, n_outputs)
            Logits, or predictions of a continuous target.
        present : bool tensor (n, M)
            True where the modality has a prediction.
        """
        predictions = (outputs_of(linear.double(), self.kind) - self.mean) / self.scale
        predictions = predictions.masked_fill(~present[..., None], 0.0)
        return torch.cat([predictions.flatten(1), present.double()], dim=1)


class MetaPrediction(nn.Module):
    """Learners of the modalities, meta-features and meta-learner.

    Parameters
    ----------
    linear : UnimodalLinear
    features : MetaFeatures
    meta : LinearModel
    """

    def __init__(self, linear: UnimodalLinear, features: MetaFeatures, meta: LinearModel) -> None:
        super().__init__()
        self.linear, self.features, self.meta = linear, features, meta

    def forward(self, batch: Batch) -> Tensor:
        """Return probabilities or regression outputs, (n_samples, n_outputs), double."""
        meta_features = self.features(*self.linear(self.linear.vectors(batch)))
        return outputs_of(self.meta(meta_features), self.features.kind)


class MetaLearner(Method):
    """Linear models of single modalities, combined by a linear model of their predictions and availability flags.

    The meta-learner is fitted to out-of-fold predictions, so that it does not trust a modality that is overfitted.
    """

    Settings: ClassVar[type[MethodSettings]] = LinearSettings
    is_linear: ClassVar[bool] = True

    linear: UnimodalLinear
    features: MetaFeatures
    meta: LinearModel

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        with context.single_step():
            settings, target = cast(LinearSettings, self.settings), data.target
            assert target is not None
            self.linear = UnimodalLinear.fit(data, settings)
            self.features = MetaFeatures(target.kind, *_standardisation(target.values, target.kind, target.n_outputs))
            linear, present = self.linear.predict_held_out(data)
            meta_features = self.features(torch.from_numpy(linear), torch.from_numpy(present)).numpy()
            self.meta = LinearModel(*fit_linear(meta_features, target, settings, data.groups))

    def prediction_module(self) -> nn.Module:
        """Return learners and meta-learner as one module; see `Method.prediction_module`."""
        return MetaPrediction(self.linear, self.features, self.meta)

    def _arrays(self) -> dict[str, AnyArray]:
        meta = {"coefficients": self.meta.coefficients.numpy(), "intercepts": self.meta.intercepts.numpy()}
        target = {"mean": self.features.mean.numpy(), "scale": self.features.scale.numpy()}
        learners = prefixed("learners/", self.linear.to_arrays())
        return {**learners, **prefixed("meta/", meta), **prefixed("target/", target)}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        self.linear = UnimodalLinear.from_arrays(unprefixed("learners/", arrays), self.active)
        target, meta = unprefixed("target/", arrays), unprefixed("meta/", arrays)
        self.features = MetaFeatures(self.schema.target_kind, target["mean"], target["scale"])
        self.meta = LinearModel(meta["coefficients"], meta["intercepts"])


def _standardisation(values: AnyArray, kind: TargetKind, n_outputs: int) -> tuple[AnyArray, AnyArray]:
    """Return mean and standard deviation of a continuous target; 0 and 1 for classes and labels."""
    if not kind.is_regression:
        return np.zeros(n_outputs), np.ones(n_outputs)
    numbers = values.reshape(len(values), -1)
    scale = numbers.std(axis=0)
    return numbers.mean(axis=0), np.where(scale > 0, scale, 1.0)


METHOD = MetaLearner
