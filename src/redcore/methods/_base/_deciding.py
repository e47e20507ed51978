"""Decisions of a fitted method: threshold and temperature, for a single target or each of several."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from redcore._types import AnyArray, IntArray
from redcore.data import Schema, TargetKind, require_single_target
from redcore.exceptions import SettingsError
from redcore.methods._base._decisions import AtThreshold, MostProbable
from redcore.methods._base._part_options import PartOptions
from redcore.methods._base._temperature import EachPart, Temperature
from redcore.metrics import rare_class

__all__ = ["DecidingMethod"]


class DecidingMethod(ABC):
    """Part of `Method` that turns probabilities into classes and applies the temperature.

    Attributes
    ----------
    schema, prior, threshold, temperature, part_options
        See `Method`.
    """

    schema: Schema
    prior: AnyArray
    threshold: float | None = None
    temperature: float = 1.0
    part_options: dict[str, PartOptions]

    def decide(self, outputs: AnyArray) -> IntArray:
        """Return the predicted class codes, (n_samples,), for class probabilities (n_samples, n_classes)."""
        return np.asarray(self.decision()(torch.tensor(outputs)))

    def decision(self) -> nn.Module:
        """Return the module that `decide` calls: the threshold if it is set, else `decision_module`.

        The decision rule of the method has the probabilities of the fit, so that a temperature changes no decision.
        """
        require_single_target(self.schema.target_kind, "a decision")
        if self.threshold is None:
            rule = self.decision_module()
            if self.temperature == 1.0:
                return rule
            return nn.Sequential(Temperature(1 / self.temperature, self.schema.target_kind), rule)
        return AtThreshold(rare_class(self.prior), self.threshold)

    def set_threshold(self, threshold: float | None) -> None:
        """Set the probability from which the rare class of a binary target is predicted; None for the own rule.

        Raises
        ------
        SettingsError
            If the target is not binary, or the threshold is not in [0, 1].
        """
        if threshold is not None:
            if self.schema.target_kind is not TargetKind.BINARY:
                raise SettingsError(f"threshold: expected a target with two classes, got {self.schema.target_kind}")
            if not 0 <= threshold <= 1:
                raise SettingsError(f"threshold: expected a probability in [0, 1], got {threshold}")
        self.threshold = threshold

    @abstractmethod
    def of_part(self, name: str) -> "DecidingMethod":
        """Return a view of the fitted method that predicts one of several targets."""

    def part_decision_module(self, name: str) -> nn.Module:
        """Return `decision_module` of one of several targets."""
        return MostProbable()

    def temperature_module(self) -> nn.Module:
        """Return the module that applies the temperature to predictions (n_samples, n_outputs)."""
        if self.part_options:
            names = self.schema.part_names
            temperatures = [self.of_part(name).temperature_module() for name in names]
            return EachPart(temperatures, [self.schema.outputs_of(name) for name in names])
        return nn.Identity() if self.temperature == 1.0 else Temperature(self.temperature, self.schema.target_kind)

    def _at_temperature(self, outputs: AnyArray) -> AnyArray:
        """Return predictions (..., n_samples, n_outputs) with the temperature of the method."""
        if self.temperature == 1.0 and all(options.temperature == 1.0 for options in self.part_options.values()):
            return outputs
        rows = torch.tensor(outputs.reshape(-1, outputs.shape[-1]))
        return np.asarray(self.temperature_module()(rows)).reshape(outputs.shape)

    def decision_module(self) -> nn.Module:
        """Return the module that maps probabilities (n_samples, n_classes) to class codes; default: most probable."""
        return MostProbable()

    def _decision_info(self) -> dict[str, Any]:
        """Return the values of `info` that `_restore_decisions` needs; those of the fit are left out."""
        threshold = {} if self.threshold is None else {"threshold": self.threshold}
        temperature = {} if self.temperature == 1.0 else {"temperature": self.temperature}
        changed = {name: options.changed() for name, options in self.part_options.items()}
        return {**threshold, **temperature, **({"part_options": changed} if changed else {})}

    def _restore_decisions(self, info: Mapping[str, Any]) -> None:
        self.threshold, self.temperature = info.get("threshold"), info.get("temperature", 1.0)
        options = info.get("part_options", {})
        self.part_options = {name: PartOptions(**options.get(name, {})) for name in self.schema.part_names}
