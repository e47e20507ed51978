"""Base class of supervision-weight rules."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["AveragingRule", "BalancingRule", "GradientRule"]

AVERAGED_SHARE = 0.25
"""Share of the latest batches in the averages of `AveragingRule`, the window of `TrainingSettings.weight_averaging`."""


class BalancingRule(nn.Module):
    """Base class of rules that weight the imputation losses of the modalities.

    Rules store their state in buffers, so that checkpoints contain it.

    Attributes
    ----------
    supervision_weight : tensor (n_modalities,)
        beta_m, the weight of the imputation loss of modality m.
    relative_advantage : tensor (n_modalities,)
        RA_m, the latest relative advantage; zeros for rules that do not use it.
    running_loss : tensor (n_modalities,)
        Smoothed imputation losses; zeros for rules that do not use them.
    weight_norm : {"l2", "sum"}
        Constraint that `set_weights` enforces; see `BalancingSettings`. `build_rule` sets it.
    """

    single_process: ClassVar[bool] = False
    """True if a fit with this rule must run in one process."""

    losses_only: ClassVar[bool] = False
    """True if `update` reads only `losses`, `observed` and `step` of the signals. A subclass does not inherit it."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.losses_only = cls.__dict__.get("losses_only", False)

    supervision_weight: Tensor
    relative_advantage: Tensor
    running_loss: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__()
        self.weight_norm: Literal["l2", "sum"] = "l2"
        self.register_buffer("supervision_weight", torch.ones(n_modalities))
        self.register_buffer("relative_advantage", torch.zeros(n_modalities))
        self.register_buffer("running_loss", torch.zeros(n_modalities))

    @classmethod
    def build(cls, n_modalities: int, settings: BalancingSettings) -> Self:
        """Return a new rule. Override this function if the constructor has other arguments than `n_modalities`."""
        return cls(n_modalities)

    def update(self, signals: Signals) -> Tensor:
        """Update the state for one training step, and return the weights of this step, (n_modalities,)."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """Return the values of the rule for the training history, each (n_modalities,)."""
        names = ("running_loss", "relative_advantage", "supervision_weight")
        return {name: getattr(self, name) for name in names}

    def smooth(self, signals: Signals, smoothing: float) -> None:
        """Update running losses ``lbar_m <- (1 - c) lbar_m + c l_m`` of the modalities observed in the batch."""
        smoothed = (1 - smoothing) * self.running_loss + smoothing * signals.losses
        self.running_loss.copy_(torch.where(signals.observed > 0, smoothed, self.running_loss))

    def set_relative_advantage(self, seen: Tensor, losses: Tensor | None = None) -> None:
        """Set ``RA_m = (mean_k l_k - l_m) / mean_k l_k``.

        Parameters
        ----------
        seen : bool tensor (n_modalities,)
            Modalities that a batch has observed. The mean is over them; the relative advantage of the others is 0.
        losses : tensor (n_modalities,), optional
            ``l_m >= 0``. Default: the running losses.
        """
        losses = self.running_loss if losses is None else losses
        mean = torch.where(seen, losses, 0.0).sum() / seen.sum().clamp(min=1)
        advantage = (mean - losses) / mean.clamp(min=torch.finfo(mean.dtype).tiny)
        self.relative_advantage.copy_(torch.where(seen, advantage, 0.0))

    def set_weights(self, weights: Tensor, norm: float = 1.0) -> None:
        """Set the supervision weights to `weights`, scaled to the L2 norm `norm`, or to the sum ``sqrt(M)``.

        `weight_norm` selects the constraint.
        """
        # dividing by the maximum first avoids an overflow of squares
        scaled = weights / weights.max()
        if self.weight_norm == "sum":
            self.supervision_weight.copy_(scaled / scaled.sum() * len(scaled) ** 0.5)
        else:
            self.supervision_weight.copy_(scaled / scaled.norm() * norm)


class AveragingRule(BalancingRule):
    """Base class of rules with weights proportional to a bounded function of averages over batches.

    After value t of a modality, counted from 0, ``a <- a + (value - a) / (1 + t / 4)``: the polynomial-decay average of
    Shamir and Zhang (2013). Its window is the latest quarter of the batches and grows with the training. The noise of
    batches therefore averages out, and the weights settle as soon as the averaged quantities do.
    """

    n_batches: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.register_buffer("n_batches", torch.zeros(n_modalities))
        self.set_weights(torch.ones(n_modalities))

    def average(self, known: Tensor, **values: Tensor) -> None:
        """Add the values of one batch to running averages.

        Parameters
        ----------
        known : bool tensor (n_modalities,)
            Modalities with a value in this batch. The averages of the others do not change.
        **values : tensor (n_modalities,)
            Value of each modality, by name of the buffer with the average.
        """
        rate = 1 / (1 + AVERAGED_SHARE * self.n_batches)
        for name, value in values.items():
            buffer: Tensor = getattr(self, name)
            buffer.copy_(torch.where(known, buffer + rate * (value - buffer), buffer))
        self.n_batches.add_(known)

    def set_proportional(self, quantities: Tensor, floor: float) -> None:
        """Set weights proportional to non-negative quantities, which are divided by their mean and at least `floor`.

        Modalities without a value in any batch so far get the mean weight. All weights are equal if no quantity is
        above 0.
        """
        known = self.n_batches > 0
        mean = torch.where(known, quantities, 0.0).sum() / known.sum().clamp(min=1)
        relative = quantities / mean if mean > 0 else torch.ones_like(quantities)
        self.set_weights(torch.where(known, relative, 1.0).clamp(min=floor))


class GradientRule(BalancingRule):
    """Base class of rules that scale the gradients of the encoders; the supervision weights stay equal."""

    single_process = True

    noise: ClassVar[bool] = False
    """If True, Gaussian noise with the standard deviation of the gradient is added to every reduced gradient."""

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.set_weights(torch.ones(n_modalities))
        self._hooks: list[RemovableHandle] = []

    def scales(self, signals: Signals) -> Tensor:
        """Return the factor of the gradient of each encoder in this step, (n_modalities,)."""
        raise NotImplementedError

    def update(self, signals: Signals) -> Tensor:
        """Register hooks that scale the encoder gradients of this step, and return the equal weights."""
        self.scale_gradients(self.scales(signals).tolist(), signals.encoder_parameters())
        return self.supervision_weight

    def scale_gradients(self, scales: Sequence[float], encoders: Sequence[Sequence[nn.Parameter]]) -> None:
        """Replace the hooks of the previous step.

        Parameters
        ----------
        scales : sequence of float
            Factor of each modality.
        encoders : sequence of sequences of nn.Parameter
            Parameters of the encoder of each modality.
        """
        for hook in self._hooks:
            hook.remove()
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                partial(_scale, scale=scale, noise=self.noise and scale < 1)
            )
            for scale, parameters in zip(scales, encoders, strict=True)
            for parameter in (parameters if scale != 1 else ())
        ]

    def __getstate__(self) -> dict[str, Any]:
        # hooks are valid for one training step only
        return {**self.__dict__, "_hooks": []}


def _scale(parameter: Tensor, scale: float, noise: bool) -> None:
    """Scale the gradient of a parameter, and add Gaussian noise with the standard deviation of the gradient."""
    assert parameter.grad is not None
    spread = parameter.grad.std(correction=0) if noise else None
    parameter.grad.mul_(scale)
    if spread is not None:
        parameter.grad.add_(torch.randn_like(parameter.grad) * spread)
