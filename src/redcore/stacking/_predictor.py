"""Combine what networks say of the whole, of single modalities, and what linear models say of these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np
from scipy.special import log_softmax, logit

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target, sample_in_memory
from redcore.linear._discriminant import Discriminant
from redcore.linear._fit import LinearSettings
from redcore.linear._pool import Combination
from redcore.linear._unimodal import UnimodalLinear
from redcore.missing import under_patterns
from redcore.nn import Objective
from redcore.stacking._decision import choose_prior_power, decide
from redcore.stacking._weights import StackingWeights

__all__ = ["FittedSplit", "StackedPredictor"]

NetworkLogits = Callable[[MultimodalData], tuple[AnyArray, AnyArray]]
"""Data in memory -> logits of the joint head (n, n_outputs), and of the unimodal heads (n, n_modalities, n_outputs)."""

MAX_LINEAR_ROWS = 20_000
"""Most training samples that the linear models are fitted to: with more they do not get better, only slower."""

MAX_VALIDATION_ROWS = 20_000
"""Most held-out predictions that the weights are fitted to."""

PATTERNS_PER_SAMPLE = 8
LARGEST_LOGIT = 30.0

ASSUMED = np.array([0.75, 0.0, 0.25, 0.0, 0.0])
"""Weights without data: the joint head before the linear models."""

ASSUMED_OF_NUMBERS = np.array([0.25, 0.0, 0.0, 0.75, 0.0])
"""The same for regression, where networks overfit a few hundred samples more: the linear models come first."""


class FittedSplit(NamedTuple):
    """A trained network, what it was trained on, and samples that it has not seen."""

    network: NetworkLogits
    train: MultimodalData
    held_out: MultimodalData


@dataclass(frozen=True, eq=False)
class StackedPredictor:
    """Weighs five sources into one prediction.

    They are the joint head; the mean over the present modalities of what the unimodal heads say; the same of linear
    models; the sum of the latter's evidence; and that of a discriminant, which is what Gaussian modalities, tied by a
    few shared factors, say together. In a sum the class frequencies count once, not once per modality. Five weights, of
    held-out samples under many missing patterns, leave little to overfit; they calibrate as well. Numbers do not add up
    like evidence: for regression the fourth source is the best linear combination of the linear models, see
    `Combination`, and the last one is 0.

    Attributes
    ----------
    linear : UnimodalLinear
    discriminant : Discriminant or None
        None for regression.
    combination : Combination or None
        For regression; None for a model of a version without it, and for other targets.
    weighting : StackingWeights
    objective : Objective
    base : array (n_outputs,)
        Log-frequencies of the classes, log-odds of the labels; zeros for regression.
    prior_power : float
        See `decide`; 0 for other targets than classes.
    """

    linear: UnimodalLinear
    discriminant: Discriminant | None
    combination: Combination | None
    weighting: StackingWeights
    objective: Objective
    base: AnyArray
    prior_power: float = 0.0

    largest_logit: ClassVar[float] = LARGEST_LOGIT

    @classmethod
    def fit(cls, splits: Sequence[FittedSplit], data: MultimodalData, objective: Objective, seed: int) -> Self:
        """Fit the weights to held-out data, and the linear models to all that may be trained on.

        Parameters
        ----------
        splits : sequence of FittedSplit
            At least one. What a network has not seen, the linear models that are weighed beside it have not either.
        data : MultimodalData
            For the linear models that predictions are made from.
        objective : Objective
        seed : int
            For the missing patterns that the weights are fitted under.
        """
        rng = np.random.default_rng([seed, 1])
        strengths: Mapping[str, LinearSettings] = {}
        sources, validation, n_independent = [], [], 0
        for split in splits:
            partial = cls._unweighted(split.train, strengths, objective, rng)
            strengths = partial.linear.settings
            share = sample_in_memory(split.held_out, MAX_VALIDATION_ROWS // PATTERNS_PER_SAMPLE // len(splits), rng)
            validation.append(under_patterns(share, PATTERNS_PER_SAMPLE, rng))
            sources.append(partial.sources(split.network, validation[-1]))
            n_independent += share.n_samples
        final = cls._unweighted(data, strengths, objective, rng)
        return final._weighed(np.concatenate(sources), validation, n_independent)

    @classmethod
    def _unweighted(
        cls,
        data: MultimodalData,
        strengths: Mapping[str, LinearSettings],
        objective: Objective,
        rng: np.random.Generator,
    ) -> Self:
        train = sample_in_memory(data, MAX_LINEAR_ROWS, rng)
        assert train.target is not None
        linear = UnimodalLinear.fit(train, strengths)
        base = _base(train.target)
        if not objective.kind.is_regression:
            discriminant = Discriminant.fit(linear.prepare(train))
            return cls(linear, discriminant, None, StackingWeights(objective.kind, ASSUMED), objective, base)
        predictions, present = linear.predict_held_out(train)
        predictions = (predictions - objective.mean) / objective.scale
        combination = Combination.fit(predictions, present, objective.values(train.target), train.target.counts)
        return cls(linear, None, combination, StackingWeights(objective.kind, ASSUMED_OF_NUMBERS), objective, base)

    def _weighed(self, sources: AnyArray, validation: Sequence[MultimodalData], n_independent: int) -> Self:
        """Return the same with the weights, and the decision, that held-out samples choose."""
        targets = [data.target for data in validation if data.target is not None]
        target = np.concatenate([self.objective.values(one) for one in targets])
        weighted = any(one.weights is not None for one in targets)
        counts = np.concatenate([one.counts for one in targets]) if weighted else None
        stack = StackingWeights.fit(sources, target, self.objective.kind, self.weighting.weights, n_independent, counts)
        weighed = replace(self, weighting=stack)
        if not self.objective.kind.is_classification:
            return weighed
        sizes = np.concatenate([data.availability.sum(axis=1) for data in validation])
        said = log_softmax(stack.combine(sources), axis=1)
        return replace(weighed, prior_power=choose_prior_power(said, self.base, sizes))

    def sources(self, network: NetworkLogits, data: MultimodalData) -> AnyArray:
        """Return what the sources say of data in memory, (n_samples, 5, n_outputs)."""
        joint, unimodal = network(data)
        prepared = self.linear.prepare(data)
        linear, present = self.linear.predict_prepared(prepared)
        if self.discriminant is None:
            linear = (linear - self.objective.mean) / self.objective.scale
            nothing = np.zeros_like(joint)
            combined = nothing if self.combination is None else self.combination.combine(linear, present)
            means = self._mean(unimodal, present), self._mean(linear, present)
            return np.stack([joint, *means, combined, nothing], axis=1)
        if not self.objective.kind.is_multilabel:
            joint, unimodal, linear = (log_softmax(values, axis=-1) for values in (joint, unimodal, linear))
        joint, unimodal, linear = (values.clip(-LARGEST_LOGIT, LARGEST_LOGIT) for values in (joint, unimodal, linear))
        added = self._normalised(((linear - self.base) * present[..., None]).sum(axis=1))
        densities = self._normalised(self.discriminant.evidence(prepared))
        return np.stack([joint, self._mean(unimodal, present), self._mean(linear, present), added, densities], axis=1)

    def _mean(self, values: AnyArray, present: AnyArray) -> AnyArray:
        """Average over the present modalities: probabilities of classes (as logarithms), else the values themselves."""
        counts = np.maximum(1, present.sum(axis=1))[:, None]
        if not self.objective.kind.is_classification:
            mean: AnyArray = (values * present[..., None]).sum(axis=1) / counts
            return mean
        total = (np.exp(values) * present[..., None]).sum(axis=1) / counts
        return np.asarray(np.log(total.clip(min=np.exp(-LARGEST_LOGIT))))

    def _normalised(self, evidence: AnyArray) -> AnyArray:
        """Return logits of evidence (n_samples, n_outputs) and the class frequencies."""
        total = evidence + self.base
        if not self.objective.kind.is_multilabel:
            total = log_softmax(total, axis=1)
        return np.asarray(total.clip(-LARGEST_LOGIT, LARGEST_LOGIT))

    def logits(self, network: NetworkLogits, data: MultimodalData) -> AnyArray:
        """Return combined logits of data in memory, (n_samples, n_outputs)."""
        return self.weighting.combine(self.sources(network, data))

    def decide(self, probabilities: AnyArray) -> IntArray:
        """Return the class to name for each sample, (n_samples,)."""
        smallest = np.exp(-LARGEST_LOGIT)
        return decide(np.log(probabilities.clip(min=smallest)), self.base, self.prior_power)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        kept = prefixed("linear/", self.linear.to_arrays())
        if self.discriminant is not None:
            kept |= prefixed("discriminant/", self.discriminant.to_arrays())
        if self.combination is not None:
            kept |= prefixed("combination/", self.combination.to_arrays())
        return {
            "weights": self.weighting.weights,
            "base": self.base,
            "prior_power": np.array([self.prior_power]),
            **kept,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...], objective: Objective) -> Self:
        """Restore what `to_arrays` returned."""
        linear = UnimodalLinear.from_arrays(unprefixed("linear/", arrays), names)
        densities, moments = unprefixed("discriminant/", arrays), unprefixed("combination/", arrays)
        discriminant = Discriminant.from_arrays(densities, names) if densities else None
        combination = Combination.from_arrays(moments) if moments else None
        stack, power = StackingWeights(objective.kind, arrays["weights"]), float(arrays["prior_power"][0])
        return cls(linear, discriminant, combination, stack, objective, arrays["base"], power)


def _base(target: Target) -> AnyArray:
    smallest = np.exp(-LARGEST_LOGIT)
    counts = target.counts
    if target.is_classification:
        frequencies = np.bincount(target.values, counts, minlength=target.n_outputs) / counts.sum()
        return np.asarray(np.log(frequencies.clip(min=smallest)))
    if target.kind.is_multilabel:
        frequencies = np.average(target.values, axis=0, weights=counts)
        return np.asarray(logit(frequencies.clip(smallest, 1 - smallest)))
    return np.zeros(target.n_outputs)
