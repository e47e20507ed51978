"""Decision rule of methods with a stack."""

from typing import cast

from torch import nn

from redcore.methods._base._method import Method
from redcore.stacking import DecisionSettings, MixedStack, Stack, StackedPredictor

__all__ = ["DecidedByStack"]


class DecidedByStack(Method):
    """Part of a method whose settings are `DecisionSettings`: its stack decides unless ``decision="argmax"``.

    Attributes
    ----------
    stack : StackedPredictor, MixedStack or None
        The fitted stack; with None, the most probable class is predicted.
    """

    stack: Stack | None

    @property
    def _stack_decides(self) -> bool:
        return cast(DecisionSettings, self.settings).decision != "argmax"

    def decision_module(self) -> nn.Module:
        """Return the rule for the predicted class; see `Method.decision_module` and the setting `decision`."""
        if self._stack_decides and isinstance(self.stack, StackedPredictor):
            return self.stack.decision()
        return super().decision_module()

    def part_decision_module(self, name: str) -> nn.Module:
        """Return the rule for the predicted class of one of several targets."""
        if self._stack_decides and isinstance(self.stack, MixedStack):
            return self.stack.decision(name)
        return super().part_decision_module(name)
