"""A method that is several networks of one kind, whose predictions are averaged."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.training._method import FitContext
from redcore.training._torch_method import TorchMethod

__all__ = ["EnsembleMethod"]


class EnsembleMethod(TorchMethod):
    """Networks that differ by their seed, and by the samples held out for them where no validation data is given.

    The method is its own first member: what holds for one network (`network`, `history`, `transform`) is that member's.
    Where samples are few, most of the error is that of one fit, and of one hold-out; the mean has less of both.

    Attributes
    ----------
    others : list
        The members beyond the first.
    """

    others: list["EnsembleMethod"]

    def n_members(self, n_samples: int) -> int:
        """Return how many networks are fitted to `n_samples` samples."""
        raise NotImplementedError

    @property
    def members(self) -> list["EnsembleMethod"]:
        """All members, this one first."""
        return [self, *self.others]

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        self.others = []
        super()._fit(data, validation, context)
        for index in range(1, self.n_members(data.n_samples)):
            other = copy(self)
            other.others = []
            super(EnsembleMethod, other)._fit(data, validation, _context_of_member(context, index))
            self.others.append(other)

    def _predict(self, data: MultimodalData) -> AnyArray:
        outputs: AnyArray = np.mean([member._predict_alone(data) for member in self.members], axis=0)
        return outputs

    def _predict_alone(self, data: MultimodalData) -> AnyArray:
        """Predict as one member does."""
        return super()._predict(data)

    def _arrays(self) -> dict[str, AnyArray]:
        of_others = {
            f"{_place(i)}/{k}": v for i, other in enumerate(self.others, 1) for k, v in other._arrays().items()
        }
        return {**super()._arrays(), **of_others}

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "others": [other._info() for other in self.others]}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        super()._restore(info, arrays)
        self.others = []
        for index, of_other in enumerate(info.get("others", ()), 1):
            other = copy(self)
            start = f"{_place(index)}/"
            other._restore(of_other, {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)})
            self.others.append(other)


def _place(index: int) -> str:
    return f"member-{index}"


def _context_of_member(context: FitContext, index: int) -> FitContext:
    seed = int(np.random.default_rng([context.seed, index]).integers(2**31))
    path = context.checkpoint
    others = context.start.others if isinstance(context.start, EnsembleMethod) else []
    start = others[index - 1] if index <= len(others) else context.start
    return replace(context, seed=seed, checkpoint=None if path is None else _beside(path, index), start=start)


def _beside(path: Path, index: int) -> Path:
    return path.with_name(f"{path.stem}-{_place(index)}{path.suffix}")
