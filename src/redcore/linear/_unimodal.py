"""A linear model per modality, on the samples that observe it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.linear._fit import LinearSettings, fit_linear, folds, with_strength
from redcore.preprocessing import vectors_of
from redcore.preprocessing._features import Preprocessor

__all__ = ["UnimodalLinear", "observed"]

N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class UnimodalLinear:
    """Logistic (or ridge) regressions by modality; a sequence enters by its statistics over time.

    Attributes
    ----------
    preprocessor : Preprocessor
    coefficients : dict of str to array (n_features, n_outputs)
    intercepts : dict of str to array (n_outputs,)
    settings : dict of str to LinearSettings
        With the strength chosen; empty after loading.
    """

    preprocessor: Preprocessor
    coefficients: dict[str, AnyArray]
    intercepts: dict[str, AnyArray]
    settings: dict[str, LinearSettings] = field(default_factory=dict)

    @classmethod
    def steps(
        cls, data: MultimodalData, settings: LinearSettings | Mapping[str, LinearSettings]
    ) -> "Iterator[UnimodalLinear]":
        """Fit modality by modality, and yield what is fitted so far after each."""
        vectors = vectors_of(data)
        made = cls(Preprocessor.fit(vectors), {}, {})
        for name, rows, values, target in observed(made.prepare(data)):
            given = settings if isinstance(settings, LinearSettings) else settings.get(name, LinearSettings())
            groups = None if data.groups is None else data.groups[rows]
            made.settings[name] = with_strength(values, target, given, groups)
            made.coefficients[name], made.intercepts[name] = fit_linear(values, target, made.settings[name])
            yield made

    @classmethod
    def fit(cls, data: MultimodalData, settings: LinearSettings | Mapping[str, LinearSettings]) -> "UnimodalLinear":
        """Fit all modalities that some sample observes, with the same settings or those of each."""
        *_, fitted = cls.steps(data, settings)
        return fitted

    def prepare(self, data: MultimodalData) -> MultimodalData:
        """Return each modality as the vectors that the models read."""
        return self.preprocessor.transform(vectors_of(data))

    def predict(self, data: MultimodalData) -> tuple[AnyArray, AnyArray]:
        """Return linear predictions of every modality, as `predict_prepared` does."""
        return self.predict_prepared(self.prepare(data))

    def predict_prepared(self, data: MultimodalData) -> tuple[AnyArray, AnyArray]:
        """Return linear predictions of every modality of what `prepare` returned.

        Returns
        -------
        linear : array (n_samples, n_modalities, n_outputs)
            Logits, or numbers; zeros where the modality is missing.
        present : bool array (n_samples, n_modalities)
            Where there is a prediction.
        """
        n_outputs = len(next(iter(self.intercepts.values())))
        linear = np.zeros((data.n_samples, len(data.names), n_outputs))
        present = np.zeros(linear.shape[:2], dtype=bool)
        for column, (name, modality) in enumerate(data.modalities.items()):
            observed = modality.gather(np.arange(data.n_samples))
            if name in self.coefficients and len(observed.rows):
                values = observed.values.astype(np.float64)
                linear[observed.rows, column] = values @ self.coefficients[name] + self.intercepts[name]
                present[observed.rows, column] = True
        return linear, present

    def predict_held_out(self, data: MultimodalData) -> tuple[AnyArray, AnyArray]:
        """Return what models of the same settings say of the samples of `data` that they were not fitted to.

        By 5-fold cross-validation, of whole groups where there are some.

        Returns
        -------
        As `predict_prepared` does; nothing is predicted of a modality that fewer than 2 samples observe.
        """
        n_outputs = len(next(iter(self.intercepts.values())))
        linear = np.zeros((data.n_samples, len(data.names), n_outputs))
        present = np.zeros(linear.shape[:2], dtype=bool)
        for name, rows, values, target in observed(self.prepare(data)):
            if len(rows) < 2:
                continue
            groups = None if data.groups is None else data.groups[rows]
            most = len(rows) if groups is None else len(np.unique(groups))
            column = data.names.index(name)
            for part in folds(len(rows), groups, max(2, min(N_FOLDS, most))):
                kept = np.flatnonzero(~part)
                coefficients, intercepts = fit_linear(values[kept], target.take(kept), self.settings[name])
                linear[rows[part], column] = values[part] @ coefficients + intercepts
            present[rows, column] = True
        return linear, present

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        preprocessing = prefixed("preprocessing/", self.preprocessor.to_arrays())
        coefficients = prefixed("coefficients/", self.coefficients)
        intercepts = prefixed("intercepts/", self.intercepts)
        return {**preprocessing, **coefficients, **intercepts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...]) -> "UnimodalLinear":
        """Restore what `to_arrays` returned, for the modalities `names`."""
        kept = unprefixed("preprocessing/", arrays)
        fitted = [name for name in names if f"coefficients/{name}" in arrays]
        coefficients = {name: arrays[f"coefficients/{name}"] for name in fitted}
        intercepts = {name: arrays[f"intercepts/{name}"] for name in fitted}
        return cls(Preprocessor.from_arrays(kept, names), coefficients, intercepts)


def observed(data: MultimodalData) -> Iterator[tuple[str, IntArray, AnyArray, Target]]:
    """Yield name, rows, values and target of the samples that observe each modality; none for those nobody observes."""
    assert data.target is not None
    for name, modality in data.modalities.items():
        rows = np.flatnonzero(modality.availability)
        if rows.size:
            yield name, rows, modality.gather(rows).values.astype(np.float64), data.target.take(rows)
