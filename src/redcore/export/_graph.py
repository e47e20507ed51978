"""The complete prediction of a method as one module with dense inputs."""

from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from redcore.data import TINY, ModalitySchema
from redcore.export._inputs import read_inputs
from redcore.methods import Method, ModalityForm

__all__ = ["PredictionGraph"]


class TargetResult(nn.Module):
    """Outputs of the graph for one target.

    Parameters
    ----------
    method : Method
        Fitted, with a single target.
    prefix : str
        Beginning of the names of the outputs: ``"<target>."`` for one of several targets, else empty.

    Attributes
    ----------
    names : list of str
        Names of the outputs.
    """

    def __init__(self, method: Method, prefix: str) -> None:
        super().__init__()
        kind, self.n_outputs = method.schema.target_kind, method.schema.n_outputs
        self.decision = method.decision() if kind.is_classification else None
        self.is_survival = kind.is_survival
        values = "numbers" if kind.is_regression else "survival" if kind.is_survival else "probabilities"
        others = ["risk"] if kind.is_survival else ["label"] if kind.is_classification else []
        self.names = [prefix + name for name in (values, *others)]

    def forward(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """Return the predictions and what follows from them.

        Returns
        -------
        tensor (n_samples, n_outputs), double
            Probabilities, numbers, or probabilities of survival at the borders of the time bins.
        tensor (n_samples,), int64
            For classes only: the code of the predicted class.
        tensor (n_samples,), double
            For survival only: the risk; see `redcore.data.risk_scores`.
        """
        if self.is_survival:
            return outputs, -outputs.clamp(min=TINY).log().sum(dim=1)
        return (outputs,) if self.decision is None else (outputs, self.decision(outputs))


class PredictionGraph(nn.Module):
    """The prediction module of a method, with the prior for samples without any modality. It is called while tracing.

    Parameters
    ----------
    method : Method
        Fitted.

    Attributes
    ----------
    forms : list of ModalityForm
        The modalities that the graph reads, sorted by name. `n_steps` is 1 for sequences and token ids, else 0;
        `n_tokens` is 1 for token ids.
    dtypes : dict of str to torch.dtype
        Type of the input of each modality: float32, or double if float32 cannot represent a column; uint8 for images of
        this type, int64 for token ids.

    Raises
    ------
    ExportError
        If the method has no ONNX form.
    """

    prior: Tensor

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.forms: list[ModalityForm] = [
            ModalityForm(m.name, m.n_features, int(m.is_sequence), m.shape, int(m.padding is not None))
            for m in method.schema.modalities
            if m.name in method.active
        ]
        self.cells, self.predictor = method.cells, method.prediction_module()
        self.temperature = method.temperature_module()
        self.drops_incomplete = method.settings.within_modality == "drop"
        self.dtypes = {m.name: _dtype(m, method) for m in method.schema.modalities if m.name in method.active}
        views: dict[str, Method] = {f"{name}.": method.of_part(name) for name in method.schema.part_names}
        self.results = nn.ModuleList(TargetResult(view, prefix) for prefix, view in (views or {"": method}).items())
        starts = np.cumsum([0, *(result.n_outputs for result in self.results)]).tolist()
        self.columns = [slice(*pair) for pair in pairwise(starts)]
        self.register_buffer("prior", torch.tensor(method.prior, dtype=torch.float64))
        self.eval()

    def forward(self, availability: Tensor, values: list[Tensor], lengths: list[Tensor]) -> tuple[Tensor, ...]:
        """Predict.

        Parameters
        ----------
        availability : bool tensor (n_samples, n_modalities)
            True = observed, columns in the order of `forms`.
        values : list of tensor
            By modality, (n_samples, n_features), (n_samples, time, n_features), (n_samples, channels, height, width) or
            (n_samples, time) for token ids. Values of missing modalities have no effect.
        lengths : list of int64 tensor (n_samples,)
            By modality that is a sequence.

        Returns
        -------
        tuple of tensor
            For each target, the result of `TargetResult`.
        """
        batch = read_inputs(self.forms, availability, values, lengths)
        if self.drops_incomplete:
            complete = [~part.values.isnan().flatten(1).any(dim=1) for part in batch.modalities]
            availability = availability & torch.stack(complete, dim=1)
            batch = read_inputs(self.forms, availability, values, lengths)
        outputs = self.temperature(self.predictor(self.cells(batch)))
        outputs = torch.where(availability.any(dim=1, keepdim=True), outputs, self.prior)
        parts = [result(outputs[:, own]) for result, own in zip(self.results, self.columns, strict=True)]
        return tuple(tensor for part in parts for tensor in part)

    def input_names(self) -> list[str]:
        """Return the names of all inputs in order. They are those of an npz file, after ``availability``."""
        values = [f"x_{form.name}" for form in self.forms]
        return ["availability", *values, *(f"len_{form.name}" for form in self.forms if form.n_steps)]

    def output_names(self) -> list[str]:
        """Return the names of all outputs in order."""
        return [name for result in self.results for name in cast(TargetResult, result).names]

    def example(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return inputs for tracing: a few samples, sequences of different lengths, one sample without any modality."""
        n_samples, time = 4, 5
        values = [torch.zeros((n_samples, *_size(form, time)), dtype=self.dtypes[form.name]) for form in self.forms]
        lengths = [torch.tensor([time, 2, 4, 3]) for form in self.forms if form.n_steps]
        availability = torch.ones((n_samples, len(self.forms)), dtype=torch.bool)
        availability[0] = False
        return availability, values, lengths


def _size(form: ModalityForm, time: int) -> tuple[int, ...]:
    """Return the shape of a sample."""
    if form.shape is not None:
        return form.shape
    if form.n_tokens:
        return (time,)
    return (time, form.n_features) if form.n_steps else (form.n_features,)


def _dtype(modality: ModalitySchema, method: Method) -> torch.dtype:
    if modality.padding is not None:
        return torch.int64
    return torch.uint8 if modality.dtype == "uint8" else method.cells[modality.name].dtype
