"""Ensemble members of one kind of network, stacked with linear models by held-out samples."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from math import log
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from redcore._arrays import prefixed, unprefixed
from redcore._settings import MethodSettings
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, chunks, cross_folds, hold_out
from redcore.fitting import FitContext, TrainableNetwork, predict_batches
from redcore.methods._base._network_method import NetworkMethod, state_arrays
from redcore.stacking import Evidence, Trial

__all__ = ["Split", "StackedEnsemble", "StackingSettings"]

Split = tuple[MultimodalData, MultimodalData | None]
"""Samples that an ensemble member is trained on, and samples held out from it."""

MEMBERS = 3
ENSEMBLE_UP_TO = 20_000
"""Largest number of training samples for which the default is several members."""


class StackingSettings(MethodSettings):
    """Settings of ensembles and stacking.

    Attributes
    ----------
    evidence : {"stacked", "joint"}, default "stacked"
        Source of a prediction. "joint": the joint head of the networks alone. "stacked": a weighted sum of the joint
        head, the unimodal heads of the present modalities (if the network has any), linear models of these modalities,
        and a discriminant (for regression: the best linear combination of the linear models). The weights minimise the
        log loss (squared error) on held-out samples under random missing patterns. Without held-out samples the
        prediction is that of the joint head.
    n_members : int in [1, 100] or None, default None
        Number of networks whose predictions are averaged. Each is trained without another share of
        `validation_fraction` of the samples. None stands for 3 up to 20,000 training samples and 1 beyond.
    decision : {"balanced", "argmax"}, default "balanced"
        Rule for the predicted class: the most probable class, or the class with the largest ``p_k / frequency_k ** a``.
        The power a in [0, 1] has the best macro-F1 that the held-out predictions lead to expect; it is 0 if the gain is
        below one point. Probabilities do not change. "balanced" requires stacked evidence.
    """

    evidence: Literal["stacked", "joint"] = "stacked"
    n_members: Annotated[int, Field(ge=1, le=100)] | None = None
    decision: Literal["balanced", "argmax"] = "balanced"


class StackedEnsemble(NetworkMethod):
    """Networks that differ by their seed and by the samples held out from them, stacked with linear models.

    On few samples most of the error is the variance of one fit and of one validation set; an average has less of both.
    With several members most samples are held out from one of them, so that the stacking weights are fitted to many
    samples and none is lost for training. With validation data given, nothing else is held out.
    `network`, `history` and `transform` are those of the first member.

    Attributes
    ----------
    networks : list of TrainableNetwork
    evidence : Evidence or None
        The fitted stack; None if the prediction is that of the joint head.
    """

    networks: list[TrainableNetwork]
    evidence: Evidence | None

    @property
    def stacking(self) -> StackingSettings:
        """Settings of the stack."""
        return cast(StackingSettings, self.settings)

    def n_members(self, n_samples: int) -> int:
        """Return the number of networks that are fitted to `n_samples` samples."""
        return self.stacking.n_members or (MEMBERS if n_samples <= ENSEMBLE_UP_TO else 1)

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        splits = self._splits(data, validation, context.seed)
        self._prepare(splits[0][0] if len(splits) == 1 else data, context)
        fitted = [self._train(*split, _context_of_member(context, index)) for index, split in enumerate(splits)]
        self.networks = [network for network, _ in fitted]
        self.network, self.history = fitted[0]
        self.evidence = self._stack(data, splits, context.seed)

    def _splits(self, data: MultimodalData, validation: MultimodalData | None, seed: int) -> list[Split]:
        n_members, fraction = self.n_members(data.n_samples), self.training.validation_fraction
        if validation is not None or fraction == 0 or data.n_samples < 2:
            return [(data, validation)] * n_members
        if n_members == 1:
            keep, held_out = hold_out(data, fraction, seed)
            return [(data.take(keep), data.take(held_out))]
        folds = cross_folds(data, max(n_members, round(1 / fraction)), seed)
        parts = [folds == index % (folds.max() + 1) for index in range(n_members)]
        return [(data.take(np.flatnonzero(~part)), data.take(np.flatnonzero(part))) for part in parts]

    def _stack(self, data: MultimodalData, splits: list[Split], seed: int) -> Evidence | None:
        """Fit the stack to the samples held out from the members; None without any, or if it is not asked for."""
        if self.stacking.evidence != "stacked" or splits[0][1] is None:
            return None
        if splits[0][0] is data:
            # nothing was held out of the data: the given validation data weighs all members together
            trials = [Trial(self._network_logits, data, splits[0][1])]
        else:
            trials = [
                Trial(partial(self._network_logits, networks=[network]), train, held_out)
                for network, (train, held_out) in zip(self.networks, splits, strict=True)
                if held_out is not None
            ]
        return Evidence.fit(trials, data, self.objective, seed)

    def _network_logits(
        self, data: MultimodalData, networks: Sequence[TrainableNetwork] | None = None
    ) -> tuple[AnyArray, AnyArray]:
        """Return the average logits of the members.

        Returns
        -------
        joint : array (n_samples, n_outputs)
        unimodal : array (n_samples, n_modalities, n_outputs)
            Zeros if the network has no unimodal heads.
        """
        prepared = self.preprocessor.transform(data)
        found = [list(predict_batches(network, prepared)) for network in networks or self.networks]
        joint = self._average(torch.stack([torch.cat([output.logits for output in outputs]) for outputs in found]))
        if getattr(found[0][0], "unimodal_logits", None) is None:
            return joint, np.zeros((len(joint), len(self.active), joint.shape[1]))
        unimodal = torch.stack([torch.cat([output.unimodal_logits for output in outputs]) for outputs in found])
        return joint, self._average(unimodal)

    def _average(self, logits: Tensor) -> AnyArray:
        """Average the logits of the members: as probabilities for classes, returned as logarithms; else the logits."""
        logits = logits.double()
        if self.schema.target_kind in ("binary", "multiclass"):
            return np.asarray(logits.log_softmax(dim=-1).logsumexp(dim=0) - log(len(logits)))
        return np.asarray(logits.mean(dim=0))

    def _predict(self, data: MultimodalData) -> AnyArray:
        if self.evidence is None:
            prepared = self.preprocessor.transform(data)
            outputs: AnyArray = np.mean([self._outputs(network, prepared) for network in self.networks], axis=0)
            return outputs
        logits = [self.evidence.logits(self._network_logits, chunk) for chunk in chunks(data)]
        return self.objective.outputs(torch.from_numpy(np.concatenate(logits)))

    def decide(self, outputs: AnyArray) -> IntArray:
        """Return the predicted class of each sample; see `Method.decide` and the setting `decision`."""
        if self.evidence is None or self.stacking.decision == "argmax":
            return super().decide(outputs)
        return self.evidence.decide(outputs)

    @property
    def supervision_weight(self) -> dict[str, float]:
        """Final beta_m by modality, averaged over the members; empty for networks without a supervision-weight rule."""
        return self._by_modality("supervision_weight")

    @property
    def relative_advantage(self) -> dict[str, float]:
        """Final RA_m by modality, averaged over the members; empty for networks without a supervision-weight rule."""
        return self._by_modality("relative_advantage")

    def _by_modality(self, quantity: str) -> dict[str, float]:
        rules: list[Any] = [network.rule for network in self.networks if hasattr(network, "rule")]
        if not rules:
            return {}
        mean = torch.stack([getattr(rule, quantity) for rule in rules]).mean(dim=0)
        return dict(zip(self.active, mean.tolist(), strict=True))

    def _arrays(self) -> dict[str, AnyArray]:
        arrays = super()._arrays()
        for index, network in enumerate(self.networks[1:], 1):
            arrays |= prefixed(f"{_place(index)}/", state_arrays(network))
        return arrays if self.evidence is None else arrays | prefixed("evidence/", self.evidence.to_arrays())

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "n_networks": len(self.networks)}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        super()._restore(info, arrays)
        places = [_place(index) for index in range(1, int(info["n_networks"]))]
        self.networks = [self.network, *(self._restored(unprefixed(f"{place}/", arrays)) for place in places)]
        kept = unprefixed("evidence/", arrays)
        self.evidence = Evidence.from_arrays(kept, self.active, self.objective) if kept else None


def _place(index: int) -> str:
    return f"network-{index}"


def _context_of_member(context: FitContext, index: int) -> FitContext:
    if index == 0:
        return context
    seed = int(np.random.default_rng([context.seed, index]).integers(2**31))
    path, start = context.checkpoint, context.start
    if isinstance(start, StackedEnsemble) and index < len(start.networks):
        start = copy(start)
        start.network = start.networks[index]
    return replace(context, seed=seed, checkpoint=None if path is None else _beside(path, index), start=start)


def _beside(path: Path, index: int) -> Path:
    return path.with_name(f"{path.stem}-{_place(index)}{path.suffix}")
