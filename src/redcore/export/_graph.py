"""The whole prediction as one module: dense values and availability in, outputs out."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from redcore.export._inputs import read_inputs
from redcore.export._members import predictor_of
from redcore.methods import Method, ModalityForm
from redcore.stacking import StackedPredictor

__all__ = ["PredictionGraph"]


class _Decision(nn.Module):
    """What `Method.decide` returns: the most probable class, or, where RedCore chose so, one that rare classes win."""

    base: Tensor

    def __init__(self, method: Method) -> None:
        super().__init__()
        evidence: StackedPredictor | None = getattr(method, "stack", None)
        weighed = evidence is not None and getattr(method.settings, "decision", "argmax") != "argmax"
        base = evidence.prior_power * evidence.base if evidence and weighed else np.zeros(method.schema.n_outputs)
        self.smallest = math.exp(-StackedPredictor.largest_logit)
        self.register_buffer("base", torch.tensor(base, dtype=torch.float64))

    def forward(self, probabilities: Tensor) -> Tensor:
        return (probabilities.clamp(min=self.smallest).log() - self.base).argmax(dim=1)


class PredictionGraph(nn.Module):
    """Preprocessing, prediction, and the prior where nothing is observed.

    Parameters
    ----------
    method : Method
        Fitted.

    Attributes
    ----------
    forms : list of (name, n_features, is_sequence)
        The modalities that it reads, sorted by name.
    """

    prior: Tensor

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.forms: list[ModalityForm] = [
            (m.name, m.n_features, m.is_sequence) for m in method.schema.modalities if m.name in method.active
        ]
        self.predictor = predictor_of(method)
        self.decision = _Decision(method) if method.schema.target_kind.is_classification else None
        self.register_buffer("prior", torch.tensor(method.prior, dtype=torch.float64))
        self.kind = "numbers" if method.schema.target_kind.is_regression else "probabilities"
        self.eval()

    def forward(self, availability: Tensor, values: list[Tensor], lengths: list[Tensor]) -> tuple[Tensor, ...]:
        """Predict.

        Parameters
        ----------
        availability : bool tensor (n_samples, n_modalities)
            True = observed, columns in the order of `forms`.
        values : list of tensor, float32
            Per modality (n_samples, n_features) or (n_samples, time, n_features); read where observed only.
        lengths : list of int64 tensor (n_samples,)
            Per modality of sequences.

        Returns
        -------
        tensor (n_samples, n_outputs), double
            Probabilities or numbers.
        tensor (n_samples,), int64
            For classes alone: the number of the class that is named.
        """
        outputs = self.predictor(read_inputs(self.forms, availability, values, lengths))
        outputs = torch.where(availability.any(dim=1, keepdim=True), outputs, self.prior)
        return (outputs,) if self.decision is None else (outputs, self.decision(outputs))

    def input_names(self) -> list[str]:
        """Return the names of all inputs in order: as in an npz file, beside ``availability``."""
        values = [f"x_{name}" for name, _, _ in self.forms]
        return ["availability", *values, *(f"len_{name}" for name, _, sequence in self.forms if sequence)]

    def output_names(self) -> list[str]:
        """Return the names of all outputs in order."""
        return [self.kind] if self.decision is None else [self.kind, "label"]

    def example(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return inputs of a few samples, ragged and with every modality missing somewhere: no branch is left out."""
        n_samples, time = 4, 5
        values = [torch.zeros((n_samples, time, n) if sequence else (n_samples, n)) for _, n, sequence in self.forms]
        lengths = [torch.tensor([time, 2, 4, 3]) for _, _, sequence in self.forms if sequence]
        availability = torch.ones((n_samples, len(self.forms)), dtype=torch.bool)
        availability[0] = False
        return availability, values, lengths
