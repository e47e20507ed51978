"""Combine what a network says of the whole, of single modalities, and what linear models say of these."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.special import log_softmax

from redcore._types import AnyArray
from redcore.data import MultimodalData, concatenate
from redcore.nn import Objective
from redcore.training._linear import LinearSettings
from redcore.training._source import pieces
from redcore.training._stacking import Stack
from redcore.training._unimodal_linear import UnimodalLinear

__all__ = ["Evidence"]

NetworkLogits = Callable[[MultimodalData], tuple[AnyArray, AnyArray]]
"""Data in memory -> logits of the joint head (n, n_outputs), and of the unimodal heads (n, n_modalities, n_outputs)."""

MAX_LINEAR_ROWS = 20_000
"""Most training samples that the linear models are fitted to: with more they do not get better, only slower."""

MAX_VALIDATION_ROWS = 20_000
PATTERNS_PER_SAMPLE = 8
LARGEST_LOGIT = 30.0

ASSUMED = np.array([0.75, 0.0, 0.25, 0.0])
"""Weights without data: the joint head before the linear models."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Weighs four sources into one prediction.

    They are the joint head; the mean over the present modalities of what the unimodal heads say; the same of linear
    models; and the sum of the latter's log-probabilities, which is what independent modalities would say together. Four
    weights, of held-out samples under many missing patterns, leave little to overfit; they calibrate as well.

    Attributes
    ----------
    linear : UnimodalLinear
    stack : Stack
    objective : Objective
    """

    linear: UnimodalLinear
    stack: Stack
    objective: Objective

    largest_logit: ClassVar[float] = LARGEST_LOGIT

    @classmethod
    def fit(
        cls, network: NetworkLogits, data: MultimodalData, validation: MultimodalData, objective: Objective, seed: int
    ) -> "Evidence":
        """Fit linear models to training data, and the weights to validation data.

        Parameters
        ----------
        network : callable
            The trained network.
        data : MultimodalData
            What it was trained on.
        validation : MultimodalData
            What it was not trained on.
        objective : Objective
        seed : int
            For the missing patterns that the weights are fitted under.
        """
        rng = np.random.default_rng([seed, 1])
        train = _sample(data, MAX_LINEAR_ROWS, rng)
        judges = _sample(validation, MAX_VALIDATION_ROWS // PATTERNS_PER_SAMPLE, rng)
        held_out = _under_patterns(judges, rng)
        partial = cls(UnimodalLinear.fit(train, LinearSettings()), Stack(objective.kind, ASSUMED), objective)
        assert held_out.target is not None
        sources, target = partial.sources(network, held_out), objective.values(held_out.target)
        weights = held_out.target.weights
        stack = Stack.fit(sources, target, objective.kind, ASSUMED, judges.n_samples, weights)
        return replace(partial, stack=stack)

    def refitted(self, data: MultimodalData, validation: MultimodalData, seed: int) -> "Evidence":
        """Return the same with linear models of training and validation data, now that the weights are chosen."""
        rng = np.random.default_rng([seed, 2])
        parts = [_bare(_sample(part, MAX_LINEAR_ROWS, rng)) for part in (data, validation)]
        return replace(self, linear=UnimodalLinear.fit(concatenate(parts), self.linear.settings))

    def sources(self, network: NetworkLogits, data: MultimodalData) -> AnyArray:
        """Return what the sources say of data in memory, (n_samples, 4, n_outputs)."""
        joint, unimodal = network(data)
        linear, present = self.linear.predict(data)
        if self.objective.kind == "regression":
            linear = (linear - self.objective.mean) / self.objective.scale
        elif self.objective.kind != "multilabel":
            joint, unimodal, linear = (log_softmax(values, axis=-1) for values in (joint, unimodal, linear))
        if self.objective.kind != "regression":
            bounded = (values.clip(-LARGEST_LOGIT, LARGEST_LOGIT) for values in (joint, unimodal, linear))
            joint, unimodal, linear = bounded
        total = (linear * present[..., None]).sum(axis=1)
        # numbers are no evidence that adds up
        added = np.zeros_like(total) if self.objective.kind == "regression" else total
        return np.stack([joint, self._mean(unimodal, present), self._mean(linear, present), added], axis=1)

    def _mean(self, values: AnyArray, present: AnyArray) -> AnyArray:
        """Average over the present modalities: probabilities of classes (as logarithms), else the values themselves."""
        counts = np.maximum(1, present.sum(axis=1))[:, None]
        if self.objective.kind in ("regression", "multilabel"):
            mean: AnyArray = (values * present[..., None]).sum(axis=1) / counts
            return mean
        total = (np.exp(values) * present[..., None]).sum(axis=1) / counts
        return np.asarray(np.log(total.clip(min=np.exp(-LARGEST_LOGIT))))

    def logits(self, network: NetworkLogits, data: MultimodalData) -> AnyArray:
        """Return combined logits of data in memory, (n_samples, n_outputs)."""
        return self.stack.combine(self.sources(network, data))

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        return {"weights": self.stack.weights, **{f"linear/{k}": v for k, v in self.linear.to_arrays().items()}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...], objective: Objective) -> "Evidence":
        """Restore what `to_arrays` returned."""
        linear = {name[7:]: array for name, array in arrays.items() if name.startswith("linear/")}
        stack = Stack(objective.kind, arrays["weights"])
        return cls(UnimodalLinear.from_arrays(linear, names), stack, objective)


def _sample(data: MultimodalData, n_rows: int, rng: np.random.Generator) -> MultimodalData:
    """Return at most `n_rows` samples, in memory."""
    if data.n_samples > n_rows:
        data = data.take(np.sort(rng.permutation(data.n_samples)[:n_rows]))
    return concatenate(list(pieces(data)))


def _bare(data: MultimodalData) -> MultimodalData:
    """Return values and target only: what the data of a user's own validation may lack does not matter here."""
    return MultimodalData(data.modalities, data.target, None, data.sample_ids, None)


def _under_patterns(data: MultimodalData, rng: np.random.Generator) -> MultimodalData:
    """Return every sample several times: as observed, and with random subsets of what it observes."""
    observed = data.availability
    parts = [data]
    for _ in range(PATTERNS_PER_SAMPLE - 1):
        keep = observed & (rng.random(observed.shape) < rng.random((len(observed), 1)))
        # a sample keeps at least one of its modalities
        one = np.where(observed, rng.random(observed.shape), -1.0).argmax(axis=1)
        keep[np.arange(len(keep)), one] = observed[np.arange(len(keep)), one]
        parts.append(data.hide(keep))
    return concatenate(parts)
