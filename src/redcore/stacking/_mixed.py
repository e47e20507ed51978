"""Stacks of several targets."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target
from redcore.nn import Batch, MixedObjective, Objective
from redcore.stacking._predictor import FittedSplit, NetworkLogits, NoNetwork, StackedPredictor

__all__ = ["MixedStack", "Stack", "fit_stack", "restored_stack"]


class PartOfLogits(nn.Module):
    """Logits of one of several targets.

    Parameters
    ----------
    network : nn.Module
        Maps a batch to the logits of the joint head and of the unimodal heads for all targets.
    outputs : slice
        Columns of the target.
    """

    def __init__(self, network: NetworkLogits, outputs: slice) -> None:
        super().__init__()
        self.network, self.outputs = network, outputs

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits of the joint head and of the unimodal heads for this target."""
        joint, unimodal = self.network(batch)
        return joint[..., self.outputs], unimodal[..., self.outputs]


class MixedStack(nn.Module):
    """Stacks of several targets, each with its own linear models and weights on its slice of the logits.

    Parameters
    ----------
    stacks : sequence of StackedPredictor
        In the order of the parts of `objective`.
    objective : MixedObjective
    """

    def __init__(self, stacks: Sequence[StackedPredictor], objective: MixedObjective) -> None:
        super().__init__()
        self.stacks, self.objective = nn.ModuleList(stacks), objective

    @classmethod
    def fit(
        cls, splits: Sequence[FittedSplit], data: MultimodalData, objective: MixedObjective, seed: int
    ) -> "MixedStack":
        """Fit the stack of each target to its labelled samples; see `StackedPredictor.fit` for the parameters."""
        stacks = []
        for part in objective.parts:
            own = [single for split in splits if (single := _split_of_part(split, part.name, part.outputs)) is not None]
            stacks.append(StackedPredictor.fit(own, data.of_part(part.name), part.objective, seed))
        return cls(stacks, objective)

    def forward(self, batch: Batch, joint: Tensor, unimodal: Tensor) -> Tensor:
        """Return the combined logits of all targets side by side; see `StackedPredictor.forward`."""
        combined = [
            stack(batch, joint[..., part.outputs], unimodal[..., part.outputs])
            for stack, part in zip(self.stacks, self.objective.parts, strict=True)
        ]
        return torch.cat(combined, dim=-1)

    def decision(self, name: str) -> nn.Module:
        """Return the rule for the predicted class of one target."""
        stack = self.stacks[[part.name for part in self.objective.parts].index(name)]
        assert isinstance(stack, StackedPredictor)
        return stack.decision()

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        arrays: dict[str, AnyArray] = {}
        for place, stack in enumerate(self.stacks):
            assert isinstance(stack, StackedPredictor)
            arrays |= prefixed(f"part-{place}/", stack.to_arrays())
        return arrays


Stack: TypeAlias = StackedPredictor | MixedStack
"""Stack of a single target or of several targets."""


def fit_stack(splits: Sequence[FittedSplit], data: MultimodalData, objective: Objective, seed: int) -> Stack:
    """Fit the stack of a target of any kind; see `StackedPredictor.fit` for the parameters."""
    if isinstance(objective, MixedObjective):
        return MixedStack.fit(splits, data, objective, seed)
    return StackedPredictor.fit(splits, data, objective, seed)


def restored_stack(arrays: Mapping[str, AnyArray], names: tuple[str, ...], objective: Objective) -> Stack:
    """Restore the stack for the modalities `names` from the result of `to_arrays`."""
    if not isinstance(objective, MixedObjective):
        return StackedPredictor.from_arrays(arrays, names, objective)
    stacks = [
        StackedPredictor.from_arrays(unprefixed(f"part-{place}/", arrays), names, part.objective)
        for place, part in enumerate(objective.parts)
    ]
    return MixedStack(stacks, objective)


def _split_of_part(split: FittedSplit, name: str, outputs: slice) -> FittedSplit | None:
    """Return the split of one target; None if its labelled samples do not suffice for a linear model and a score."""
    assert split.train.target is not None
    assert split.held_out.target is not None
    train, held_out = split.train.target.of_part(name), split.held_out.target.of_part(name)
    if not (_is_trainable(train) and len(held_out.values)):
        return None
    network = split.network
    own: NetworkLogits = PartOfLogits(network, outputs)
    if isinstance(network, NoNetwork):
        own = NoNetwork(outputs.stop - outputs.start)
    return FittedSplit(own, split.train.of_part(name), split.held_out.of_part(name))


def _is_trainable(target: Target) -> bool:
    if target.is_classification:
        return len(np.unique(target.values)) > 1
    return bool(target.values[:, 1].any() if target.kind.is_survival else len(target.values))
