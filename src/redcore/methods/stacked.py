"""Stacking around any network method: ensemble members and linear models, weighted on held-out samples."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self, cast

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor, get_rng_state, nn

from redcore._arrays import prefixed, unprefixed
from redcore._discovery import load
from redcore._settings import MethodSettings, PlugInName, Search
from redcore._types import AnyArray
from redcore.data import MultimodalData, cross_folds, hold_out
from redcore.exceptions import SettingsError
from redcore.fitting import FitContext, History, TrainableNetwork, TrainingSettings, seeded, threads
from redcore.methods._base import DecidedByStack, ModalityForm, NetworkEnsemble, NetworkMethod, state_arrays
from redcore.nn import Batch, MixedObjective, Objective
from redcore.stacking import (
    DecisionSettings,
    FittedSplit,
    Stack,
    StackOfNetworks,
    fit_stack,
    restored_stack,
)

__all__ = ["METHOD", "Stacked", "StackedSettings"]

SOURCE = (
    "Wolpert (1992), Stacked generalization, Neural Networks 5(2), with five non-negative weights; Breiman (1996), "
    "Stacked regressions, Machine Learning 24(1)"
)

Split = tuple[MultimodalData, MultimodalData | None]
"""Training samples of an ensemble member, and the samples held out from it."""

DEFAULT_MEMBERS = 3
MAX_VALUES_AT_ONCE, MAX_FEATURES_AT_ONCE, MAX_NETWORKS_AT_ONCE = 2_000_000, 5_000, 10
"""Largest numbers of samples times features, of features and of networks for which the members are trained in lockstep.

Larger fits gain little and need the memory of all networks at once.
"""
MAX_SAMPLES_OF_ENSEMBLE = 20_000
"""Largest number of training samples for which several members are the default."""


def base_class(name: str) -> type[NetworkMethod]:
    """Return the class of the network method `name`.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    SettingsError
        If it is not a network method, or is `stacked` itself.
    """
    plug_in = load("redcore.methods", name, "method")
    method = getattr(plug_in, "METHOD", plug_in)
    if not isinstance(method, type) or not issubclass(method, NetworkMethod) or issubclass(method, Stacked):
        raise SettingsError(f"method {name!r} cannot be stacked: expected a method that trains one network")
    return method


class StackedSettings(DecisionSettings):
    """Settings of the stack (see also `DecisionSettings`), and of the network method that it wraps.

    Attributes
    ----------
    base : str, default "redcore"
        Name of the network method.
    base_settings : mapping, default {}
        Settings of that method; those left out are filled in with its defaults. `parse` also accepts them at the top
        level: ``{"base": "zero_fill", "latent_dim": 32}``.
    n_members : int in [1, 100] or None, default None
        Number of networks whose predictions are averaged. A different share of `validation_fraction` of the samples is
        held out from the training of each. None stands for 3 up to 20,000 training samples, and for 1 above.
    stacking : bool, default True
        If True, the prediction is a weighted sum of the joint head, the unimodal heads of the observed modalities (if
        the network has any), linear models of these modalities, and a discriminant (for regression: the best linear
        combination of the linear models). The weights minimise the log loss (squared error) on held-out samples under
        random missing patterns. If False, or without held-out samples, the prediction is that of the joint head.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"n_members": Search(choices=(1, 3, 5))}

    base: Annotated[str, PlugInName("redcore.methods", "method")] = "redcore"
    base_settings: dict[str, Any] = Field(default_factory=dict)
    n_members: Annotated[int, Field(ge=1, le=100)] | None = None
    stacking: bool = True

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Validate `values`; settings that the stack does not have are settings of the base method."""
        own = {key: value for key, value in values.items() if key in cls.model_fields}
        others = {key: value for key, value in values.items() if key not in cls.model_fields}
        if others:
            own["base_settings"] = {**own.get("base_settings", {}), **others}
        settings = super().checked(own)
        # all settings of the base method, so that a saved model does not depend on the defaults of another version
        base = settings.of_base
        resolved = {name: value for name, value in base.dump().items() if name not in cls.model_fields}
        if encoders := getattr(base, "encoders", {}):
            resolved["encoders"] = encoders  # may hold objects, which the dump leaves out
        return settings.model_copy(update={"base_settings": resolved})

    @cached_property
    def of_base(self) -> TrainingSettings:
        """Settings of the base method.

        Raises
        ------
        UnknownNameError, SettingsError
            If the base method does not exist, cannot be stacked, or rejects `base_settings`.
        """
        own = type(self).model_fields
        if twice := sorted(own.keys() & self.base_settings.keys()):
            raise SettingsError(f"base_settings holds {', '.join(twice)}: expected at the top level of the settings")
        settings_class = base_class(self.base).Settings
        shared = {name: getattr(self, name) for name in MethodSettings.model_fields}
        return cast(TrainingSettings, settings_class.parse({**shared, **self.base_settings}))

    def search_space(self) -> dict[str, Search]:
        """Return the search space of the stack and of the base method."""
        return self.of_base.search_space() | super().search_space()

    def plug_ins(self) -> list[dict[str, str]]:
        """Return the plug-ins of other distributions that the settings of the stack and the base method name."""
        return super().plug_ins() + self.of_base.plug_ins()

    def value_of(self, name: str) -> Any:
        """Return the value of a setting of the stack or of the base method."""
        return super().value_of(name) if name in type(self).model_fields else self.of_base.value_of(name)


class MemberLogits(NetworkEnsemble):
    """Average logits of the networks of an ensemble."""

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits of the joint head and of the unimodal heads, averaged over the networks, double.

        Returns
        -------
        joint : tensor (n_samples, n_outputs)
        unimodal : tensor (n_samples, n_modalities, n_outputs)
            Zeros if the networks have no unimodal heads.
        """
        prepared = self.preprocessor(batch)
        outputs = [network(prepared) for network in self.networks]
        if getattr(outputs[0], "unimodal_logits", None) is None:
            joint = self._average(torch.stack([output.logits for output in outputs]))
            return joint, torch.zeros_like(joint)[:, None].expand(-1, len(batch.modalities), -1)
        heads = [torch.cat([output.logits[:, None], output.unimodal_logits], dim=1) for output in outputs]
        averaged = self._average(torch.stack(heads))
        return averaged[:, 0], averaged[:, 1:]

    def _average(self, logits: Tensor) -> Tensor:
        """Average over the first dimension: class probabilities, returned as logarithms; for other targets logits."""
        logits = logits.double()
        if isinstance(self.objective, MixedObjective):
            parts = [_averaged(logits[..., part.outputs], part.objective) for part in self.objective.parts]
            return torch.cat(parts, dim=-1)
        return _averaged(logits, self.objective)


def _averaged(logits: Tensor, objective: Objective) -> Tensor:
    if objective.kind.is_classification:
        return logits.softmax(dim=-1).mean(dim=0).clamp(min=torch.finfo(logits.dtype).tiny).log()
    return logits.mean(dim=0)


class Stacked(DecidedByStack, NetworkMethod):
    """Ensemble members of a network method, stacked with linear models of the modalities.

    Around ``redcore`` it is the default of the library. Around a baseline it gives the baseline the same aids.

    With few samples, most of the error is the variance of one fit and of one validation set; averaging reduces both.
    With several members, most samples are held out from one of them: the stacking weights are fitted to many samples,
    and no sample is lost for training. If validation data is given, nothing else is held out. For small data, the
    members are trained in lockstep if the base method supports it, as ``redcore`` and ``zero_fill`` do (see
    `redcore.fitting.Lockstep`).
    `network`, `history` and `transform` are those of the first member.

    Parameters
    ----------
    settings : StackedSettings, optional

    Attributes
    ----------
    base : NetworkMethod
        Builds the networks; it is not fitted itself.
    stack : StackedPredictor, MixedStack or None
        The fitted stack; None if the prediction is that of the joint head.

    Examples
    --------
    >>> from redcore.methods import make_method
    >>> make_method("stacked", settings={"base": "zero_fill", "latent_dim": 32}).base.settings.latent_dim
    32
    """

    Settings: ClassVar[type[MethodSettings]] = StackedSettings

    stack: Stack | None

    def __init__(self, settings: MethodSettings | None = None) -> None:
        super().__init__(settings)
        self.base = base_class(self.stacking.base)(self.stacking.of_base)
        self.imputes_codes, self.uses_unlabelled = self.base.imputes_codes, self.base.uses_unlabelled

    @property
    def stacking(self) -> StackedSettings:
        """Settings of the stack."""
        return cast(StackedSettings, self.settings)

    @property
    def training(self) -> TrainingSettings:
        """Settings of the training of the base method."""
        return self.base.training

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build a network of the base method; see `NetworkMethod.build_network`."""
        self.base.schema, self.base.active = self.schema, self.active
        return self.base.build_network(forms, n_outputs, n_samples)

    def posterior(self, network: TrainableNetwork) -> AbstractContextManager[None]:
        """Return the context of the base method; see `NetworkMethod.posterior`."""
        return self.base.posterior(network)

    def n_members(self, n_samples: int) -> int:
        """Return the number of networks that are fitted to `n_samples` samples."""
        return self.stacking.n_members or (DEFAULT_MEMBERS if n_samples <= MAX_SAMPLES_OF_ENSEMBLE else 1)

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        splits = self._splits(data, validation, context.seed)
        self._prepare(splits[0][0] if len(splits) == 1 else data, context)
        contexts = [_context_of_member(context, index) for index in range(len(splits))]
        fitted = self._train_at_once(splits, contexts) if self._may_train_at_once(data, context, len(splits)) else []
        fitted = fitted or [self._train(*split, own) for split, own in zip(splits, contexts, strict=True)]
        self.networks = [network for network, _ in fitted]
        self.histories = [history for _, history in fitted]
        self.history = self.histories[0]
        self.stack = self._fit_stack(data, splits, context.seed)

    def _may_train_at_once(self, data: MultimodalData, context: FitContext, n_networks: int) -> bool:
        """Return True for several networks, small data in memory, and callbacks that do not watch weights."""
        parts = [part for part in (data, context.unlabelled) if part is not None]
        vectors = all(modality.form == "vectors" for modality in data.modalities.values())
        if not vectors or any(part.is_stored for part in parts) or not 1 < n_networks <= MAX_NETWORKS_AT_ONCE:
            return False
        n_features = sum(modality.n_features for modality in data.modalities.values())
        is_small = n_features * sum(part.n_samples for part in parts) <= MAX_VALUES_AT_ONCE
        # weights of networks that are not reported yet would have to be kept for all epochs
        watched = any(callback.watches_weights for callback in context.callbacks)
        # not the encoders of a user, which are built for each network once
        default = getattr(self.training, "has_default_encoders", False) and self.objective.has_default_loss
        return is_small and n_features <= MAX_FEATURES_AT_ONCE and default and not watched

    def _train_at_once(
        self, splits: Sequence[Split], contexts: Sequence[FitContext]
    ) -> list[tuple[TrainableNetwork, History]]:
        """Train all networks in lockstep; the results equal those of separate fits up to rounding.

        The result is empty if their architecture allows separate fits only.
        """
        from redcore.fitting import Lockstep

        with threads(self._n_threads()):
            trainers = []
            for split, context in zip(splits, contexts, strict=True):
                generator = Generator()
                with seeded(context.seed):
                    trainer = self._trainer(*split, context, generator)
                    generator.set_state(get_rng_state())
                if not trainer.can_share_steps:
                    return []
                trainers.append(trainer)
            Lockstep(trainers, contexts[0].callbacks, contexts[0].checkpoint).fit()
        return [(trainer.network.eval(), trainer.history) for trainer in trainers]

    def _splits(self, data: MultimodalData, validation: MultimodalData | None, seed: int) -> list[Split]:
        n_members, fraction = self.n_members(data.n_samples), self.training.validation_fraction
        if validation is not None or fraction == 0 or data.n_samples < 2:
            return [(data, validation)] * n_members
        if n_members == 1:
            keep, held_out = hold_out(data, fraction, seed)
            return [(data.take(keep), data.take(held_out))] if held_out.size else [(data, None)]
        folds = cross_folds(data, max(n_members, round(1 / fraction)), seed)
        if not (folds >= 0).any():
            return [(data, None)] * n_members
        parts = [folds == index % (folds.max() + 1) for index in range(n_members)]
        return [(data.take(np.flatnonzero(~part)), data.take(np.flatnonzero(part))) for part in parts]

    def _fit_stack(self, data: MultimodalData, splits: list[Split], seed: int) -> Stack | None:
        """Fit the stack to the samples held out from the members; None without such samples or with stacking off."""
        if not self.stacking.stacking or splits[0][1] is None:
            return None
        if splits[0][0] is data:
            # nothing was held out of the data: the given validation data weighs all members together
            fitted = [FittedSplit(self._members(self.networks), data, splits[0][1])]
        else:
            fitted = [
                FittedSplit(self._members([network]), train, held_out)
                for network, (train, held_out) in zip(self.networks, splits, strict=True)
                if held_out is not None
            ]
        return fit_stack(fitted, data, self.objective, seed)

    def prediction_module(self) -> nn.Module:
        """Return networks and stack as one module; see `Method.prediction_module`."""
        if self.stack is None:
            return super().prediction_module()
        return StackOfNetworks(self._members(self.networks), self.stack, self.objective)

    def _members(self, networks: Sequence[nn.Module]) -> "MemberLogits":
        return MemberLogits(self.preprocessor, networks, self.objective)

    def _arrays(self) -> dict[str, AnyArray]:
        arrays = super()._arrays()
        for index, network in enumerate(self.networks[1:], 1):
            arrays |= prefixed(f"{_place(index)}/", state_arrays(network))
        return arrays if self.stack is None else arrays | prefixed("stack/", self.stack.to_arrays())

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "n_networks": len(self.networks)}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        super()._restore(info, arrays)
        places = [_place(index) for index in range(1, int(info["n_networks"]))]
        self.networks += [self._restored(unprefixed(f"{place}/", arrays)) for place in places]
        stack = unprefixed("stack/", arrays)
        self.stack = restored_stack(stack, self.active, self.objective) if stack else None


def _place(index: int) -> str:
    return f"network-{index}"


def _context_of_member(context: FitContext, index: int) -> FitContext:
    if index == 0:
        return context
    seed = int(np.random.default_rng([context.seed, index]).integers(2**31))
    path, start = context.checkpoint, context.start
    if isinstance(start, Stacked) and index < len(start.networks):
        start = copy(start)
        start.networks = start.networks[index:]
    path = None if path is None else path.with_name(f"{path.stem}-{_place(index)}{path.suffix}")
    return replace(context, seed=seed, checkpoint=path, start=start)


METHOD = Stacked
