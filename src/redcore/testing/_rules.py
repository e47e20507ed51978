"""Contract of the balancing rules."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redcore.balancing import BalancingRule, BalancingSettings, Signals, build_rule
from redcore.methods import make_method
from redcore.testing._contract import Contract, require, require_equal
from redcore.testing._data import make_data, small_settings

__all__ = ["RULES", "ConstantSignals", "RuleSubject", "check_rule", "rule_weights"]

RULES = Contract("balancing rule")


class ConstantSignals(Signals):
    """Signals with given losses: equal gradients and scores, no validation data and no encoders."""

    def gradient_norms(self) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(self.losses)

    def unimodal_scores(self) -> Tensor:
        """Return 0.5 for all modalities."""
        return torch.full_like(self.losses, 0.5)

    def unimodal_magnitudes(self) -> Tensor:
        """Return 1 for all modalities."""
        return torch.ones_like(self.losses)

    def unimodal_entropies(self) -> Tensor:
        """Return 0.5 for all modalities."""
        return torch.full_like(self.losses, 0.5)

    def unimodal_divergences(self) -> Tensor:
        """Return the losses."""
        return self.losses

    def code_variances(self) -> Tensor:
        """Return 8 for all modalities."""
        return torch.full_like(self.losses, 8.0)

    def imputation_costs(self) -> Tensor:
        """Return a tenth of the losses."""
        return self.losses / 10

    def validation_slopes(self) -> Tensor | None:
        """Return None, as without validation data."""
        return None

    def encoder_parameters(self) -> list[list[nn.Parameter]]:
        """Return no parameters."""
        return [[] for _ in self.losses]


def rule_weights(
    rule: BalancingRule,
    losses: Sequence[float],
    step: int,
    observed: Sequence[float] | None = None,
    ends_epoch: bool = False,
) -> Any:
    """Return the weights of a rule, array (n_modalities,), after a step with `losses`.

    `observed` are the shares of the samples that observe each modality. Default: 1.
    """
    shares = torch.ones(len(losses)) if observed is None else torch.tensor(observed, dtype=torch.float32)
    return rule.update(ConstantSignals(torch.tensor(losses), shares, step, ends_epoch)).numpy().copy()


@dataclass(frozen=True)
class RuleSubject:
    """Balancing rule, given by its name, dotted name, class or function."""

    rule: Any

    def __str__(self) -> str:
        return repr(BalancingSettings(balancing=self.rule).balancing)

    def build(self, n_modalities: int = 3, **settings: Any) -> BalancingRule:
        """Return a new rule."""
        return build_rule(n_modalities, BalancingSettings(balancing=self.rule, **settings))


def check_rule(rule: Any, skip: Collection[str] = ()) -> None:
    """Check the contract of a balancing rule.

    Parameters
    ----------
    rule : str, class or function
        See `redcore.balancing`.
    skip : collection of str
        Names of clauses to leave out, or their first words.

    Raises
    ------
    ContractError
        If the rule violates a clause. The message names the first one.

    Examples
    --------
    >>> check_rule("fixed")
    """
    RULES.check(RuleSubject(rule), skip)


@RULES.clause(losses=((0.0, 0.0), (1e-30, 1e30), (1e-38, 1e-38)))
def weights_are_finite_and_of_constant_norm(subject: RuleSubject, losses: tuple[float, ...]) -> None:
    """Weights are finite and at least 0, and their L2 norm does not change during a fit."""
    rule = subject.build(2)
    norms = []
    for step in range(10):
        weights = rule_weights(rule, losses, step)
        require(weights.shape == (2,), f"expected weights of shape (2,), got {weights.shape}")
        require(bool((np.isfinite(weights) & (weights >= 0)).all()), f"step {step}: weights are {weights}")
        norms.append(float(np.linalg.norm(weights)))
    np.testing.assert_allclose(norms, norms[0], rtol=1e-5, err_msg="L2 norm of the weights")


@RULES.clause(losses=((0.0, 0.0, 0.0), (4.0, 2.0, 3.0), (1e-30, 1e30, 1.0)))
def equal_sums(subject: RuleSubject, losses: tuple[float, ...]) -> None:
    """With ``weight_norm="sum"``, the weights of M modalities add up to ``sqrt(M)`` in every step."""
    rule = subject.build(weight_norm="sum", weight_step=1.0)
    for step in range(7):
        weights = rule_weights(rule, losses, step, ends_epoch=step % 3 == 2)
        np.testing.assert_allclose(weights.sum(), 3**0.5, rtol=1e-5)


@RULES.clause()
def one_modality(subject: RuleSubject) -> None:
    """The weight of a single modality is 1."""
    np.testing.assert_allclose(rule_weights(subject.build(1), [3.0], 0), [1.0])


@RULES.clause()
def unobserved_modalities(subject: RuleSubject) -> None:
    """A modality that no sample of the batch observes, whose loss is 0, leaves the weights finite."""
    rule = subject.build()
    for step in range(4):
        weights = rule_weights(rule, [4.0, 0.0, 3.0], step, observed=[1.0, 0.0, 0.5], ends_epoch=step == 1)
        require(bool(np.isfinite(weights).all()), f"step {step}: weights are {weights}")


@RULES.clause()
def state_is_in_buffers(subject: RuleSubject) -> None:
    """The state of the rule is in its buffers, so that a resumed fit has the same weights."""
    first, second = subject.build(), subject.build()
    rule_weights(first, [4.0, 2.0, 3.0], 0)
    second.load_state_dict(first.state_dict())
    require_equal(*(rule_weights(rule, [1.0, 2.0, 9.0], 3) for rule in (first, second)))


@RULES.clause()
def fit_is_finite_and_reproducible(subject: RuleSubject) -> None:
    """RedCore with this rule gives finite predictions, which are equal for equal seeds."""
    data, settings = make_data(), small_settings("redcore", balancing=subject.rule)
    outputs = [make_method("redcore", settings=settings).fit(data).predict(data) for _ in range(2)]
    require(bool(np.isfinite(outputs[0]).all()), "predictions are not finite")
    require_equal(*outputs)
