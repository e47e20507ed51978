"""Stack of linear models and a discriminant, without a network."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, cast

import numpy as np
from pydantic import Field
from torch import nn

from redcore._arrays import prefixed, unprefixed
from redcore._settings import MethodSettings, Search
from redcore._types import AnyArray
from redcore.data import MultimodalData, cross_folds
from redcore.exceptions import TrainingInterrupted
from redcore.fitting import FitContext
from redcore.methods._base import DecidedByStack
from redcore.nn import fit_objective, restored_objective
from redcore.stacking import (
    DecisionSettings,
    FittedSplit,
    NoNetwork,
    StackOfNetworks,
    fit_stack,
    restored_stack,
)
from redcore.stacking import Stack as LogitStack

__all__ = ["METHOD", "Stack", "StackSettings"]

SOURCE = (
    "Wolpert (1992), Stacked generalization, Neural Networks 5(2), with non-negative weights; Breiman (1996), Stacked "
    "regressions, Machine Learning 24(1)"
)


class StackSettings(DecisionSettings):
    """Settings of the stack, in addition to those of `DecisionSettings`.

    Attributes
    ----------
    n_folds : int in [2, 20], default 5
        Number of folds. The weights are fitted to the predictions of models that were trained without the fold. They
        are not used if a validation set is passed: its samples are the held-out samples then.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"n_folds": Search(3, 10, whole=True)}

    n_folds: Annotated[int, Field(ge=2, le=20)] = 5


class Stack(DecidedByStack):
    """Weighted sum of linear models of the modalities and of a discriminant: `stacked` without its networks.

    The sources are the mean prediction of the linear models of the observed modalities, the sum of their log-likelihood
    ratios, and the discriminant (for regression: the best linear combination of the linear models). The weights
    minimise the log loss (squared error) on held-out samples under random missing patterns. A fit takes seconds.

    Attributes
    ----------
    stack : StackedPredictor or MixedStack
        The fitted stack.

    Examples
    --------
    >>> from redcore.datasets import load_dataset
    >>> from redcore.methods import make_method
    >>> data = load_dataset("wine")
    >>> make_method("stack").fit(data).predict(data).shape
    (178, 3)
    """

    Settings: ClassVar[type[MethodSettings]] = StackSettings
    supports_survival: ClassVar[bool] = True
    supports_mixed: ClassVar[bool] = True

    stack: LogitStack

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        assert data.target is not None
        with context.single_step():
            objective = fit_objective(data.target)
            network = NoNetwork(objective.n_outputs)
            splits = [(data, validation)] if validation is not None else self._splits(data, context.seed)
            fitted = [FittedSplit(network, train, held_out) for train, held_out in splits]
            self.stack = fit_stack(fitted, data, objective, context.seed)
        if any(callback.should_stop() for callback in context.callbacks):
            raise TrainingInterrupted(1)

    def _splits(self, data: MultimodalData, seed: int) -> list[tuple[MultimodalData, MultimodalData]]:
        if data.n_samples < 2:
            return []
        folds = cross_folds(data, self._settings.n_folds, seed)
        parts = [folds == fold for fold in range(folds.max() + 1)]
        return [(data.take(np.flatnonzero(~part)), data.take(np.flatnonzero(part))) for part in parts]

    @property
    def _settings(self) -> StackSettings:
        return cast(StackSettings, self.settings)

    def prediction_module(self) -> nn.Module:
        """Return linear models, discriminant and weights as one module; see `Method.prediction_module`."""
        return StackOfNetworks(NoNetwork(self.stack.objective.n_outputs), self.stack, self.stack.objective)

    def _arrays(self) -> dict[str, AnyArray]:
        return {**self.stack.to_arrays(), **prefixed("objective/", self.stack.objective.to_arrays())}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        objective = restored_objective(self.schema, unprefixed("objective/", arrays))
        self.stack = restored_stack(arrays, self.active, objective)


METHOD = Stack
