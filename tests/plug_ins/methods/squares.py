"""Logistic or ridge regression on features and their squares: the smallest `LinearTableMethod` with a design."""

import torch
from torch import Tensor

from redcore.methods import LinearTableMethod

SOURCE = "A test"


class Squares(LinearTableMethod):
    def design(self, table: Tensor) -> Tensor:
        filled = super().design(table)
        return torch.cat([filled, filled.square()], dim=1)


METHOD = Squares
