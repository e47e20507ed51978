"""A linear model per modality, fitted to the samples that observe the modality."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.linear._fit import LinearSettings, fit_selected, folds, predict_folds
from redcore.linear._model import LinearModel
from redcore.nn import Batch
from redcore.preprocessing import VectorPreprocessor

__all__ = ["UnimodalLinear", "observed"]

N_FOLDS = 5


class UnimodalLinear(nn.Module):
    """Logistic or ridge regressions by modality; a sequence is represented by its statistics over time.

    Parameters
    ----------
    preprocessor : VectorPreprocessor
        Computes the vectors of all modalities.
    models : mapping of str to LinearModel
        By modality, in sorted order. Modalities without a model contribute no prediction.
    settings : mapping of str to LinearSettings
        Settings of each model with the regularisation strength that was chosen; empty after loading.
    """

    fitted: Tensor

    def __init__(
        self,
        preprocessor: VectorPreprocessor,
        models: Mapping[str, LinearModel],
        settings: Mapping[str, LinearSettings] | None = None,
    ) -> None:
        super().__init__()
        self.preprocessor = preprocessor
        self.settings = dict(settings or {})
        self.register_buffer("fitted", torch.tensor([name in models for name in preprocessor.names]), persistent=False)
        self.models = nn.ModuleList(models.values())
        self._indices = {preprocessor.names.index(name): model for name, model in models.items()}

    @classmethod
    def steps(
        cls, data: MultimodalData, settings: LinearSettings | Mapping[str, LinearSettings]
    ) -> "Iterator[UnimodalLinear]":
        """Fit modality by modality, and yield the models fitted so far after each; see `fit`."""
        preprocessor, vectors = VectorPreprocessor.fit(data)
        models: dict[str, LinearModel] = {}
        chosen: dict[str, LinearSettings] = {}
        for name, rows, values, target in observed(preprocessor.transform(vectors)):
            own = settings if isinstance(settings, LinearSettings) else settings.get(name, LinearSettings())
            groups = None if data.groups is None else data.groups[rows]
            chosen[name], *fitted = fit_selected(values, target, own, groups)
            models[name] = LinearModel(*fitted)
            yield cls(preprocessor, models, chosen)

    @classmethod
    def fit(cls, data: MultimodalData, settings: LinearSettings | Mapping[str, LinearSettings]) -> "UnimodalLinear":
        """Fit a model to every modality that at least one sample observes.

        Parameters
        ----------
        data : MultimodalData
            With a target.
        settings : LinearSettings or mapping of str to LinearSettings
            For all modalities, or by modality.
        """
        *_, fitted = cls.steps(data, settings)
        return fitted

    def prepare(self, data: MultimodalData) -> MultimodalData:
        """Return each modality of a data set as the vectors that the models read."""
        return self.preprocessor.transform(data)

    def vectors(self, batch: Batch) -> Batch:
        """Return each modality of a batch as the vectors that the models read."""
        prepared: Batch = self.preprocessor(batch)
        return prepared

    def forward(self, vectors: Batch) -> tuple[Tensor, Tensor]:
        """Predict from the result of `vectors`, modality by modality.

        Returns
        -------
        linear : tensor (n_samples, n_modalities, n_outputs), double
            Logits, or predictions of a continuous target; zeros where `present` is False.
        present : bool tensor (n_samples, n_modalities)
            True where the modality is observed and has a model.
        """
        shape = (vectors.n_samples, self.n_outputs)
        columns = [
            vectors.spread(index, self._indices[index](part.values))
            if index in self._indices and part.rows.shape[0]
            else torch.zeros(shape, dtype=torch.float64)
            for index, part in enumerate(vectors.modalities)
        ]
        return torch.stack(columns, dim=1), vectors.availability & self.fitted

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return next(iter(self._indices.values())).n_outputs

    def predict_held_out(self, data: MultimodalData) -> tuple[AnyArray, AnyArray]:
        """Predict every sample of `data` with models of the same settings that were not fitted to it.

        The models are fitted by 5-fold cross-validation, over whole groups if there are several.

        Returns
        -------
        linear : array (n_samples, n_modalities, n_outputs)
            Zeros where `present` is False.
        present : bool array (n_samples, n_modalities)
            True where there is a prediction. A modality that fewer than 2 samples observe has none.
        """
        linear = np.zeros((data.n_samples, len(data.names), self.n_outputs))
        present = np.zeros(linear.shape[:2], dtype=bool)
        for name, rows, values, target in observed(self.prepare(data)):
            if len(rows) < 2:
                continue
            groups = None if data.groups is None else data.groups[rows]
            n_units = len(rows) if groups is None else len(np.unique(groups))
            column = data.names.index(name)
            held_out = folds(len(rows), groups, max(2, min(N_FOLDS, n_units)))
            linear[rows, column] = predict_folds(values, target, self.settings[name], held_out)
            present[rows, column] = True
        return linear, present

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        models = {self.preprocessor.names[index]: model for index, model in self._indices.items()}
        return {
            **prefixed("preprocessing/", self.preprocessor.to_arrays()),
            **{f"coefficients/{name}": model.coefficients.numpy() for name, model in models.items()},
            **{f"intercepts/{name}": model.intercepts.numpy() for name, model in models.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...]) -> "UnimodalLinear":
        """Restore the models of the modalities `names` from the result of `to_arrays`."""
        preprocessor = VectorPreprocessor.from_arrays(unprefixed("preprocessing/", arrays), names)
        models = {
            name: LinearModel(arrays[f"coefficients/{name}"], arrays[f"intercepts/{name}"])
            for name in names
            if f"coefficients/{name}" in arrays
        }
        return cls(preprocessor, models)


def observed(data: MultimodalData) -> Iterator[tuple[str, IntArray, AnyArray, Target]]:
    """Yield name, rows, values and target of the samples that observe each modality; skip unobserved modalities."""
    assert data.target is not None
    for name, modality in data.modalities.items():
        rows = np.flatnonzero(modality.availability)
        if rows.size:
            yield name, rows, modality.gather(rows).values, data.target.take(rows)
