"""A method that is several networks of one kind, each trained without a part of the samples."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from redcore._arrays import unprefixed
from redcore._types import AnyArray
from redcore.data import MultimodalData, cross_folds, hold_out
from redcore.fitting import FitContext, TrainingSettings
from redcore.fitting._network import TrainableNetwork
from redcore.methods._base._network_method import NetworkMethod, state_arrays

__all__ = ["EnsembleMethod", "Split"]

Split = tuple[MultimodalData, MultimodalData | None]
"""What a network is trained on, and what is held out from it."""


class EnsembleMethod(NetworkMethod):
    """Networks that differ by their seed and, where no validation data is given, by the samples held out from them.

    Where samples are few, most of the error is that of one fit and of one hold-out; the mean has less of both. With
    several networks, most samples are held out from one of them: there are many to judge by, and none is lost for
    training. `network`, `history` and `transform` are those of the first.

    Attributes
    ----------
    networks : list of TrainableNetwork
    """

    networks: list[TrainableNetwork]

    def n_members(self, n_samples: int) -> int:
        """Return how many networks are fitted to `n_samples` samples."""
        raise NotImplementedError

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        splits = self._splits(data, validation, context.seed)
        self._prepare(splits[0][0] if len(splits) == 1 else data, context)
        fitted = [self._train(*split, _context_of_member(context, index)) for index, split in enumerate(splits)]
        self.networks = [network for network, _ in fitted]
        self.network, self.history = fitted[0]
        self._judge(data, splits, context)

    def _splits(self, data: MultimodalData, validation: MultimodalData | None, seed: int) -> list[Split]:
        n_members = self.n_members(data.n_samples)
        fraction = cast(TrainingSettings, self.settings).validation_fraction
        if validation is not None or fraction == 0 or data.n_samples < 2:
            return [(data, validation)] * n_members
        if n_members == 1:
            keep, held_out = hold_out(data, fraction, seed)
            return [(data.take(keep), data.take(held_out))]
        folds = cross_folds(data, max(n_members, round(1 / fraction)), seed)
        parts = [folds == index % (folds.max() + 1) for index in range(n_members)]
        return [(data.take(np.flatnonzero(~part)), data.take(np.flatnonzero(part))) for part in parts]

    def _judge(self, data: MultimodalData, splits: list[Split], context: FitContext) -> None:
        """Choose, by held-out data, what is left to choose when all networks are trained."""

    def _predict(self, data: MultimodalData) -> AnyArray:
        prepared = self.preprocessor.apply(data)
        outputs: AnyArray = np.mean([self._outputs(network, prepared) for network in self.networks], axis=0)
        return outputs

    def _arrays(self) -> dict[str, AnyArray]:
        others = {
            f"{_place(index)}/{name}": array
            for index, network in enumerate(self.networks[1:], 1)
            for name, array in state_arrays(network).items()
        }
        return {**super()._arrays(), **others}

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "n_networks": len(self.networks)}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        super()._restore(info, arrays)
        places = [_place(index) for index in range(1, int(info["n_networks"]))]
        self.networks = [self.network, *(self._restored(unprefixed(f"{place}/", arrays)) for place in places)]


def _place(index: int) -> str:
    return f"network-{index}"


def _context_of_member(context: FitContext, index: int) -> FitContext:
    if index == 0:
        return context
    seed = int(np.random.default_rng([context.seed, index]).integers(2**31))
    path, start = context.checkpoint, context.start
    if isinstance(start, EnsembleMethod) and index < len(start.networks):
        start = copy(start)
        start.network = start.networks[index]
    return replace(context, seed=seed, checkpoint=None if path is None else _beside(path, index), start=start)


def _beside(path: Path, index: int) -> Path:
    return path.with_name(f"{path.stem}-{_place(index)}{path.suffix}")
