"""Signals of one training step for supervision-weight rules, computed on demand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from redcore.data import require_single_target
from redcore.exceptions import UnsupportedError
from redcore.nn import Batch, Objective

__all__ = ["BalancedNetwork", "Signals", "StepSignals"]

PROBE_LENGTH = 1e-2
"""Step length in parameter space of the finite differences of `validation_slopes`."""


class BalancedNetwork(Protocol):
    """Network with supervision weights on its imputation losses."""

    joint_head: nn.Module
    """Map of completed codes (n_samples, n_modalities * d) to logits."""

    def imputation_losses(self, output: Any, batch: Batch, anchor: Any = None) -> Tensor:
        """Return the imputation loss of each modality, (n_modalities,).

        Parameters
        ----------
        output : Any
            Output of the network for `batch`.
        batch : Batch
        anchor : Any, optional
            Output of the network with other parameters, whose codes are the targets of the imputation. Default:
            `output`.
        """
        ...

    def branches(self) -> list[nn.Module]:
        """Return the encoder of each modality."""
        ...


class TrainingStep(Protocol):
    """Interface of `redcore.fitting.StepContext`: step number, sums over processes and held-out batches."""

    @property
    def step(self) -> int: ...
    @property
    def ends_epoch(self) -> bool: ...
    @property
    def total(self) -> Callable[[Tensor], Tensor]: ...
    @property
    def held_out(self) -> Callable[[], Batch | None]: ...


@dataclass(frozen=True, eq=False)
class Signals:
    """Signals of one training step.

    Attributes
    ----------
    losses : tensor (n_modalities,)
        Imputation loss of each modality in the batch, detached.
    observed : tensor (n_modalities,)
        Share of the samples of the batch that observe each modality. The loss is undefined if it is 0.
    step : int
        Number of optimiser steps before this one.
    ends_epoch : bool
        If True, this step is the last of its epoch.
    """

    losses: Tensor
    observed: Tensor
    step: int
    ends_epoch: bool = False

    def gradient_norms(self) -> Tensor:
        """Return the norm of the gradient of each imputation loss with respect to the latent codes, (n_modalities,)."""
        raise NotImplementedError

    def unimodal_scores(self) -> Tensor:
        """Return the mean ``exp(-loss)`` of each unimodal head over the samples that observe it, (n_modalities,)."""
        raise NotImplementedError

    def unimodal_magnitudes(self) -> Tensor:
        """Return the mean L1 norm of the logits of each unimodal head over the samples that observe it."""
        raise NotImplementedError

    def unimodal_entropies(self) -> Tensor:
        """Return the mean entropy of the predictions of each unimodal head over the samples that observe it.

        For several labels, the entropy is the mean over labels. For a continuous target, it is replaced by the mean
        loss of the head.
        """
        raise NotImplementedError

    def unimodal_divergences(self) -> Tensor:
        """Return the mean ``KL(joint, unimodal)`` of the predictions over the samples that observe each modality.

        For several labels, the divergence is the mean over labels. A continuous target is treated as a label: the
        sigmoid of the standardised prediction is its probability.
        """
        raise NotImplementedError

    def code_variances(self) -> Tensor:
        """Return the variance of each latent code over the samples that observe it, (n_modalities,).

        It is the sum over the dimensions of the code, with the divisor ``n_m - 1``, and NaN for fewer than two samples.
        """
        raise NotImplementedError

    def imputation_costs(self) -> Tensor:
        """Return the increase of the label loss if each modality is imputed instead of observed, (n_modalities,).

        It is the mean over the samples that observe the modality, and NaN without such samples. The loss is that of the
        joint head without dropout, without sample weights.
        """
        raise NotImplementedError

    def validation_slopes(self) -> Tensor | None:
        """Return the inner products ``<grad L_val, grad l_m>``, (n_modalities,).

        ``L_val`` is the validation loss and ``l_m`` the imputation loss of modality m. The result is None without
        validation data.
        """
        raise NotImplementedError

    def encoder_parameters(self) -> list[list[nn.Parameter]]:
        """Return the parameters of the encoder of each modality that are trained."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class StepSignals(Signals):
    """Signals computed from the output and the parameters of a network.

    Attributes
    ----------
    network : BalancedNetwork
    output : Any
        Output of the network for `batch`, with the attributes of `redcore.methods.redcore.RedCoreOutput`.
    batch : Batch
    objective : Objective
    imputation : tensor (n_modalities,)
        Imputation losses with their computation graph.
    total : callable
        Returns the sum of a tensor over all processes of the fit.
    held_out : callable
        Returns a random batch of validation data, or None.
    """

    network: Any = None
    output: Any = None
    batch: Any = None
    objective: Any = None
    imputation: Any = None
    total: Callable[[Tensor], Tensor] = torch.Tensor.detach
    held_out: Callable[[], Batch | None] = lambda: None

    @classmethod
    def of(
        cls, network: Any, output: Any, batch: Batch, objective: Objective, imputation: Tensor, context: TrainingStep
    ) -> "StepSignals":
        """Return the signals of a step, from the imputation losses with their graph and the context of the step."""
        observed = batch.global_counts.n_observed / batch.global_counts.n_samples
        return cls(
            context.total(imputation), observed, context.step, context.ends_epoch,
            network, output, batch, objective, imputation, context.total, context.held_out,
        )  # fmt: skip

    def gradient_norms(self) -> Tensor:
        """See `Signals`."""
        codes: Tensor = self.output.codes.sample
        gradients = [
            torch.autograd.grad(loss, codes, retain_graph=True, allow_unused=True)[0]
            for loss in self.imputation.unbind()
        ]
        squares = [codes.new_zeros(()) if gradient is None else gradient.square().sum() for gradient in gradients]
        return self.total(torch.stack(squares)).sqrt()

    def unimodal_scores(self) -> Tensor:
        """See `Signals`."""
        objective: Objective = self.objective.with_losses(lambda kind: None)
        values = self._labels()
        return self._mean_of_observed(torch.exp(-objective.sample_losses(self.output.unimodal_logits.detach(), values)))

    def unimodal_magnitudes(self) -> Tensor:
        """See `Signals`."""
        return self._mean_of_observed(self.output.unimodal_logits.detach().abs().sum(dim=2))

    def unimodal_entropies(self) -> Tensor:
        """See `Signals`."""
        objective: Objective = self.objective
        logits: Tensor = self.output.unimodal_logits.detach()
        require_single_target(objective.kind, "the balancing rule")
        if objective.kind.is_regression:
            values = self._labels()
            return self._mean_of_observed(objective.sample_losses(logits, values))
        logarithms = _log_probabilities(logits, objective)
        return self._mean_of_observed(-(logarithms.exp() * logarithms).sum(dim=3).mean(dim=2))

    def unimodal_divergences(self) -> Tensor:
        """See `Signals`."""
        require_single_target(self.objective.kind, "the balancing rule")
        unimodal = _log_probabilities(self.output.unimodal_logits.detach(), self.objective)
        joint = _log_probabilities(self.output.logits.detach(), self.objective)[:, None]
        return self._mean_of_observed((joint.exp() * (joint - unimodal)).sum(dim=3).mean(dim=2))

    @torch.no_grad()
    def code_variances(self) -> Tensor:
        """See `Signals`."""
        n = self.batch.global_counts.n_observed
        missing = ~self.batch.availability[..., None]
        codes: Tensor = self.output.codes.sample.float()
        mean = self.total(codes.masked_fill(missing, 0.0).sum(dim=0)) / n.clamp(min=1)[:, None]
        deviations = self.total((codes - mean).masked_fill(missing, 0.0).square().sum(dim=(0, 2)))
        return torch.where(n > 1, deviations / (n - 1).clamp(min=1), torch.nan)

    @torch.no_grad()
    def imputation_costs(self) -> Tensor:
        """See `Signals`."""
        output, availability, n = self.output, self.batch.availability, self.batch.global_counts.n_observed
        head: nn.Module = self.network.joint_head
        training = head.training
        head.eval()
        try:
            differences = [
                self._losses_with(place, output.imputed) - self._losses_with(place, output.codes.sample)
                for place in range(availability.shape[1])
            ]
        finally:
            head.train(training)
        # codes are undefined where the modality is missing
        sums = torch.stack(differences, dim=1).float().masked_fill(~availability, 0.0).sum(dim=0)
        return torch.where(n > 0, self.total(sums) / n.clamp(min=1), torch.nan)

    def _losses_with(self, place: int, codes: Tensor) -> Tensor:
        """Return the label loss of each sample if `codes` (n_samples, n_modalities, d) provide one modality."""
        objective: Objective = self.objective
        completed = self.output.representation.reshape(codes.shape).clone()
        completed[:, place] = codes[:, place]
        logits = self.network.joint_head(completed.flatten(1))
        values = self._labels()
        return objective.sample_losses(logits[:, None], values)[:, 0]

    def _labels(self) -> Tensor:
        """Return the encoded target values of the batch, all of which must be known."""
        values, weights = self.objective.split(self.batch.target)
        if weights is not None and not weights.all():
            raise UnsupportedError(
                "the balancing rule reads the labels of all samples, which unlabelled samples do not have; expected a "
                "rule such as 'relative_advantage'"
            )
        return cast(Tensor, values)

    def _mean_of_observed(self, values: Tensor) -> Tensor:
        """Return the mean of values (n_samples, n_modalities) over the samples that observe each modality."""
        availability: Tensor = self.batch.availability
        return (values * availability).sum(dim=0) / availability.sum(dim=0).clamp(min=1)

    def validation_slopes(self) -> Tensor | None:
        """Return the inner products by finite differences; see `Signals`.

        The imputation losses are evaluated at ``theta +- epsilon grad L_val`` with the same noise, as in DARTS (Liu et
        al. 2019). Parameters and random state are not changed.
        """
        held_out = self.held_out()
        if held_out is None:
            return None
        with torch.random.fork_rng():
            gradient = self._validation_gradient(held_out)
            norm = torch.stack([values.norm() for values in gradient.values()]).norm()
            if not torch.isfinite(norm) or norm == 0:
                return None
            epsilon = float(PROBE_LENGTH / norm)
            above, below = self._losses_along(gradient, (epsilon, -epsilon))
        return (above - below) / (2 * epsilon)

    def _validation_gradient(self, held_out: Batch) -> dict[str, Tensor]:
        parameters = {name: p for name, p in self.network.named_parameters() if p.requires_grad}
        loss = self.objective.loss(self.network(held_out).logits, held_out.target)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        return {
            name: torch.zeros_like(p) if gradient is None else gradient
            for (name, p), gradient in zip(parameters.items(), gradients, strict=True)
        }

    @torch.no_grad()
    def _losses_along(self, direction: dict[str, Tensor], lengths: Sequence[float]) -> list[Tensor]:
        """Return the imputation losses at parameters moved by `lengths` along `direction`, with the same noise."""
        random_state, losses = torch.get_rng_state(), []
        anchor = self.network(self.batch)
        parameters = dict(self.network.named_parameters())
        for length in lengths:
            moved = {name: parameters[name] + length * step for name, step in direction.items()}
            torch.set_rng_state(random_state)
            output = functional_call(self.network, moved, (self.batch,))
            losses.append(self.network.imputation_losses(output, self.batch, anchor).float())
        return losses

    def encoder_parameters(self) -> list[list[nn.Parameter]]:
        """See `Signals`."""
        branches = self.network.branches()
        return [[parameter for parameter in branch.parameters() if parameter.requires_grad] for branch in branches]


def _log_probabilities(logits: Tensor, objective: Objective) -> Tensor:
    """Return log-probabilities, (..., n_variables, n_values): one variable of all classes, or per label or hazard."""
    if objective.kind.is_classification:
        return logits.log_softmax(dim=-1)[..., None, :]
    # a continuous target is treated as a label with its standardised logit
    logits = objective.absolute(logits) if objective.kind.is_survival else logits
    return torch.stack([functional.logsigmoid(-logits), functional.logsigmoid(logits)], dim=-1)
