"""Weighted sum of the predictions of networks, of linear models and of a discriminant."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target, sample_in_memory
from redcore.linear import Combination, Discriminant, LinearSettings, UnimodalLinear
from redcore.missing import under_patterns
from redcore.nn import Batch, Objective, batches
from redcore.stacking._decision import SMALLEST_PROBABILITY, Decision, choose_prior_power
from redcore.stacking._weights import StackingWeights

__all__ = ["FittedSplit", "NoNetwork", "StackOfNetworks", "StackedPredictor"]

NetworkLogits = Callable[[Batch], tuple[Tensor, Tensor]]
"""Map a batch to logits of the joint head (n, n_outputs) and of the unimodal heads (n, n_modalities, n_outputs)."""

MAX_LINEAR_ROWS = 20_000
"""Largest number of training samples of the linear models. More samples cost time and do not improve them."""

MAX_VALIDATION_ROWS = 20_000
"""Largest number of held-out predictions to which the weights are fitted."""

PATTERNS_PER_SAMPLE = 8
LARGEST_LOGIT = 30.0

PRIOR_WEIGHTS = {
    # (regression, with a network): weights of the five sources without data
    (False, True): [0.75, 0.0, 0.25, 0.0, 0.0],
    # networks overfit a few hundred samples more in regression: mostly the linear models
    (True, True): [0.25, 0.0, 0.0, 0.75, 0.0],
    (False, False): [0.0, 0.0, 0.5, 0.0, 0.5],
    (True, False): [0.0, 0.0, 0.0, 1.0, 0.0],
}

PRIOR_WEIGHTS_SURVIVAL = {True: [0.25, 0.0, 0.25, 0.5, 0.0], False: [0.0, 0.0, 0.5, 0.5, 0.0]}
"""The same for survival, with and without a network."""


class NoNetwork(nn.Module):
    """Sources 1 and 2 of a stack without a network: logits of zero.

    Parameters
    ----------
    n_outputs : int
    """

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.n_outputs = n_outputs

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return zeros (n_samples, n_outputs) and (n_samples, n_modalities, n_outputs), double."""
        shape = batch.availability.shape
        zeros = torch.zeros((*shape, self.n_outputs), dtype=torch.float64)
        return zeros[:, 0], zeros


class FittedSplit(NamedTuple):
    """A trained network (or `NoNetwork`), its training samples, and samples held out from it."""

    network: NetworkLogits
    train: MultimodalData
    held_out: MultimodalData


class StackedPredictor(nn.Module):
    """Combination of five sources with fitted weights.

    The sources are logits of

    1. the joint head of the networks,
    2. the mean over the observed modalities of the predictions of the unimodal heads,
    3. the same mean of the predictions of linear models,
    4. the sum of the log-likelihood ratios of the linear models, plus the log-frequencies of the classes,
    5. the discriminant: Gaussian class densities of all observed modalities, with shared factors.

    Sums count the class frequencies once, not once per modality. For regression, source 4 is the best linear
    combination of the linear models (see `Combination`), and source 5 is 0. For survival, the sources are log-odds of
    hazards relative to those of all samples: source 4 is the best linear combination of the risk scores of the linear
    models, and source 5 the sum of their log-odds. The five weights, and for survival a shift of each time bin, are
    fitted to held-out samples under many missing patterns; they also calibrate the probabilities.

    Parameters
    ----------
    linear : UnimodalLinear
    head : Discriminant or Combination or None
        A discriminant; for regression and survival a combination, or None in a model without one.
    weighting : StackingWeights
    objective : Objective
    base : array (n_outputs,)
        Log-frequencies of the classes, or log-odds of the labels; zeros for regression and survival.
    prior_power : float
        Power of `Decision`; 0 for targets other than classes.
    """

    base: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        linear: UnimodalLinear,
        head: Discriminant | Combination | None,
        weighting: StackingWeights,
        objective: Objective,
        base: AnyArray,
        prior_power: float = 0.0,
    ) -> None:
        super().__init__()
        self.linear, self.head, self.weighting = linear, head, weighting
        self.objective, self.prior_power = objective, prior_power
        for name, array in (("base", base), ("mean", objective.mean), ("scale", objective.scale)):
            self.register_buffer(name, torch.tensor(array, dtype=torch.float64))

    @classmethod
    def fit(
        cls, splits: Sequence[FittedSplit], data: MultimodalData, objective: Objective, seed: int
    ) -> "StackedPredictor":
        """Fit the weights to held-out samples, and the linear models to all training samples.

        Parameters
        ----------
        splits : sequence of FittedSplit
            Linear models are fitted to each split too, so that the samples held out from its network are held out from
            them. Without splits, the weights are the prior weights of a stack without a network.
        data : MultimodalData
            Training samples of the linear models of the result.
        objective : Objective
        seed : int
            Seed of the missing patterns under which the weights are fitted.
        """
        rng = np.random.default_rng([seed, 1])
        strengths: Mapping[str, LinearSettings] = {}
        has_network = bool(splits) and not isinstance(splits[0].network, NoNetwork)
        sources, validation, n_independent = [], [], 0
        for split in splits:
            partial = cls._unweighted(split.train, strengths, objective, rng, has_network)
            strengths = partial.linear.settings
            share = sample_in_memory(split.held_out, MAX_VALIDATION_ROWS // PATTERNS_PER_SAMPLE // len(splits), rng)
            validation.append(under_patterns(share, PATTERNS_PER_SAMPLE, rng))
            sources.append(partial._all_sources(split.network, validation[-1]))
            n_independent += share.n_samples
        result = cls._unweighted(data, strengths, objective, rng, has_network)
        if sources:
            result._fit_weights(np.concatenate(sources), validation, n_independent)
        return result

    @classmethod
    def _unweighted(
        cls,
        data: MultimodalData,
        strengths: Mapping[str, LinearSettings],
        objective: Objective,
        rng: np.random.Generator,
        has_network: bool,
    ) -> "StackedPredictor":
        """Fit the linear models; the weights are the prior weights."""
        kind = objective.kind
        prior = PRIOR_WEIGHTS_SURVIVAL[has_network]
        if not kind.is_survival:
            prior = PRIOR_WEIGHTS[kind.is_regression, has_network]
        weights = StackingWeights(np.array(prior))
        train = sample_in_memory(data, MAX_LINEAR_ROWS, rng)
        assert train.target is not None
        linear = UnimodalLinear.fit(train, strengths)
        base = _base(train.target)
        if not (kind.is_regression or kind.is_survival):
            discriminant = Discriminant.fit(linear.prepare(train))
            return cls(linear, discriminant, weights, objective, base)
        predictions, present = linear.predict_held_out(train)
        predictions, values = (predictions - objective.mean) / objective.scale, objective.values(train.target)
        if kind.is_survival:
            predictions, values = _standardised_risks(predictions, train.target)
        combination = Combination.fit(predictions, present, values, train.target.counts)
        return cls(linear, combination, weights, objective, base)

    @torch.no_grad()
    def _all_sources(self, network: NetworkLogits, data: MultimodalData) -> AnyArray:
        """Return the sources for a data set, (n_samples, 5, n_outputs)."""
        return np.concatenate([self.sources(batch, *network(batch)).numpy() for batch in batches(data)])

    @torch.no_grad()
    def _fit_weights(self, sources: AnyArray, validation: Sequence[MultimodalData], n_independent: int) -> None:
        """Fit the weights and the power of the decision to held-out samples."""
        kind = self.objective.kind
        targets = [data.target for data in validation if data.target is not None]
        target = np.concatenate([self.objective.values(one) for one in targets])
        weighted = any(one.weights is not None for one in targets)
        counts = np.concatenate([one.counts for one in targets]) if weighted else None
        prior = self.weighting.weights.numpy()
        offset = self.objective.mean if kind.is_survival else None
        self.weighting = StackingWeights.fit(sources, target, kind, prior, n_independent, counts, offset)
        if kind.is_classification:
            sizes = np.concatenate([data.availability.sum(axis=1) for data in validation])
            probabilities = self.objective.outputs(self.weighting(torch.from_numpy(sources)))
            self.prior_power = choose_prior_power(probabilities, self.base.numpy(), sizes)

    def forward(self, batch: Batch, joint: Tensor, unimodal: Tensor) -> Tensor:
        """Return the combined logits or standardised predictions, (n_samples, n_outputs), double.

        Predictions are standardised in regression and survival; see `Objective`.

        Parameters
        ----------
        batch : Batch
            Without preprocessing.
        joint : tensor (n_samples, n_outputs), double
            Logits of the joint head for this batch.
        unimodal : tensor (n_samples, n_modalities, n_outputs), double
            Logits of the unimodal heads.
        """
        combined: Tensor = self.weighting(self.sources(batch, joint, unimodal))
        return combined

    def sources(self, batch: Batch, joint: Tensor, unimodal: Tensor) -> Tensor:
        """Return the five sources that `forward` combines, (n_samples, 5, n_outputs)."""
        vectors = self.linear.vectors(batch)
        linear, present = self.linear(vectors)
        if not isinstance(self.head, Discriminant):
            linear = (linear - self.mean) / self.scale
            last = torch.zeros_like(joint)
            if self.objective.kind.is_survival:
                assert self.head is not None
                last = (linear * present[..., None]).sum(dim=1)
                combined = self.head(linear.mean(dim=2, keepdim=True), present).expand_as(last)
            else:
                combined = last if self.head is None else self.head(linear, present)
            return torch.stack([joint, self._mean(unimodal, present), self._mean(linear, present), combined, last], 1)
        # one tensor, since the fixed cost of an operation is most of the time for a single sample
        logits = torch.cat([joint[:, None], unimodal, linear], dim=1)
        if not self.objective.kind.is_multilabel:
            logits = logits.log_softmax(dim=-1)
        logits = logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
        n_modalities = present.shape[1]
        joint, unimodal, linear = logits[:, 0], logits[:, 1 : n_modalities + 1], logits[:, n_modalities + 1 :]
        added = self._with_base(((linear - self.base) * present[..., None]).sum(dim=1))
        density = self._with_base(self.head(vectors))
        return torch.stack([joint, self._mean(unimodal, present), self._mean(linear, present), added, density], dim=1)

    def _mean(self, values: Tensor, present: Tensor) -> Tensor:
        """Average (n, M, k) over the observed modalities: class log-probabilities as probabilities, others as given."""
        counts = present.sum(dim=1, keepdim=True).clamp(min=1)
        if not self.objective.kind.is_classification:
            return (values * present[..., None]).sum(dim=1) / counts
        total = (values.exp() * present[..., None]).sum(dim=1) / counts
        return total.clamp(min=SMALLEST_PROBABILITY).log()

    def _with_base(self, ratios: Tensor) -> Tensor:
        """Return normalised logits of log-likelihood ratios (n, n_outputs) and the frequencies of the classes."""
        total = ratios + self.base
        if not self.objective.kind.is_multilabel:
            total = total.log_softmax(dim=1)
        return total.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)

    def decision(self) -> Decision:
        """Return the rule for the predicted class."""
        return Decision(self.base.numpy(), self.prior_power)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        head = "discriminant/" if isinstance(self.head, Discriminant) else "combination/"
        return {
            "weights": self.weighting.weights.numpy(),
            **({"shift": self.weighting.shift.numpy()} if self.objective.kind.is_survival else {}),
            "base": self.base.numpy(),
            "prior_power": np.array([self.prior_power]),
            **prefixed("linear/", self.linear.to_arrays()),
            **({} if self.head is None else prefixed(head, self.head.to_arrays())),
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...], objective: Objective
    ) -> "StackedPredictor":
        """Restore the predictor for the modalities `names` from the result of `to_arrays`."""
        linear = UnimodalLinear.from_arrays(unprefixed("linear/", arrays), names)
        densities, moments = unprefixed("discriminant/", arrays), unprefixed("combination/", arrays)
        head: Discriminant | Combination | None = Combination.from_arrays(moments) if moments else None
        if densities:
            head = Discriminant.from_arrays(densities, names)
        weighting = StackingWeights(arrays["weights"], arrays.get("shift"))
        return cls(linear, head, weighting, objective, arrays["base"], float(arrays["prior_power"][0]))


class StackOfNetworks(nn.Module):
    """Prediction of a stack, with the networks that it reads.

    Parameters
    ----------
    networks : nn.Module
        Maps a batch to the logits of the joint head and of the unimodal heads.
    stack : StackedPredictor or MixedStack
    objective : Objective
        Objective of the stack.
    """

    def __init__(self, networks: nn.Module, stack: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.networks, self.stack, self.objective = networks, stack, objective
        self.training = False  # as the fitted networks

    def forward(self, batch: Batch) -> Tensor:
        """Return probabilities or regression outputs, (n_samples, n_outputs), double."""
        return self.objective.predictions(self.stack(batch, *self.networks(batch)))


def _base(target: Target) -> AnyArray:
    """Return log-frequencies of the classes, log-odds of the labels, or zeros, (n_outputs,)."""
    counts = target.counts
    if target.is_classification:
        frequencies = np.bincount(target.values, counts, minlength=target.n_outputs) / counts.sum()
        return np.asarray(np.log(frequencies.clip(min=SMALLEST_PROBABILITY)))
    if target.kind.is_multilabel:
        from scipy.special import logit

        frequencies = np.average(target.values, axis=0, weights=counts)
        return np.asarray(logit(frequencies.clip(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)))
    return np.zeros(target.n_outputs)


def _standardised_risks(predictions: AnyArray, target: Target) -> tuple[AnyArray, AnyArray]:
    """Return risk scores of single modalities and martingale residuals, scaled to residuals of variance 1.

    The mean residual of samples with the log hazard ratio r is about r times the share of events. Residuals are divided
    by this share, and then predict r.

    Parameters
    ----------
    predictions : array (n_samples, n_modalities, n_bins)
        Log-odds of hazards relative to those of all samples.
    target : Target

    Returns
    -------
    risks : array (n_samples, n_modalities, 1)
        Mean of the predictions over the bins.
    residuals : array (n_samples, 1)
    """
    share = np.average(target.values[:, 1], weights=target.weights) or 1.0
    residuals = target.time_grid.residuals(target.values, target.weights)[:, None] / share
    deviation = residuals.std() or 1.0
    return predictions.mean(axis=2, keepdims=True) / deviation, residuals / deviation
