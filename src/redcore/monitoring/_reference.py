"""Reference profile: counts of the training data of a model, which are saved with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from redcore._pattern_names import pattern_name
from redcore._types import AnyArray, BoolArray
from redcore.data import MultimodalData, Schema
from redcore.monitoring._columns import ColumnCounts, Columns, column_values
from redcore.monitoring._counts import SHOWN_PATTERNS, Counts

__all__ = ["OUTPUTS", "Reference", "class_counts", "column_names", "pattern_counts"]

OUTPUTS = "prediction"
"""Name of the columns of a continuous prediction."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Profile of the training data, with which new data is compared.

    Attributes
    ----------
    modalities : dict of str to Columns
        Columns of the modalities that the model uses.
    patterns : tuple of str
        Names of the most frequent missing patterns of the training data.
    is_multilabel : bool
        True if several labels can be predicted for a sample.
    outputs : Columns or None
        Columns of the predictions in regression.
    counts : Counts
        Counts of the training data. The predictions are those of held-out samples if the run has any.
    trained_rates : dict of str to float
        Missing rates of the data that the model was fitted to, after the missing protocol of the run.
    """

    modalities: dict[str, Columns]
    patterns: tuple[str, ...]
    is_multilabel: bool
    outputs: Columns | None
    counts: Counts
    trained_rates: dict[str, float]

    def count(self, data: MultimodalData, outputs: AnyArray, classes: AnyArray | None) -> Counts:
        """Return the counts of new samples.

        Parameters
        ----------
        data : MultimodalData
            Samples in memory that conform to the schema of the model.
        outputs : array (n_samples, n_outputs)
            Predictions.
        classes : int array (n_samples, ) or bool array (n_samples, n_labels), or None
            Predicted class codes, or predicted labels of a multi-label target; None in regression.
        """
        names = [name for name in self.modalities if name in data.names]
        observed = {name: data.modalities[name].n_observed if name in names else 0 for name in self.modalities}
        patterns, unseen = self._patterns(data)
        return Counts(
            data.n_samples,
            observed,
            patterns,
            {name: self._modality_counts(name, data) for name in self.modalities},
            len(outputs),
            None if classes is None else class_counts(classes, outputs.shape[1]),
            None if self.outputs is None else self.outputs.count(outputs),
            None if data.groups is None else set(data.groups.tolist()),
            unseen,
        )

    def _modality_counts(self, name: str, data: MultimodalData) -> ColumnCounts:
        columns, modality = self.modalities[name], data.modalities.get(name)
        # a modality that is missing everywhere has an unknown number of features
        if modality is None or not modality.n_observed:
            return columns.count(np.zeros((0, len(columns.names))))
        return columns.count(column_values(data, name))

    def _patterns(self, data: MultimodalData) -> tuple[AnyArray, list[str]]:
        """Return the counts of the patterns and the names of a few that the training data does not have."""
        place = {name: index for index, name in enumerate(self.patterns)}
        counts, unseen = np.zeros(len(self.patterns) + 1, dtype=np.int64), []
        for name, count in pattern_counts(data).items():
            counts[place.get(name, -1)] += count
            if name not in place:
                unseen.append(name)
        return counts, unseen[:SHOWN_PATTERNS]

    def empty_counts(self) -> Counts:
        """Return counts of no samples."""
        return Counts(
            0,
            dict.fromkeys(self.modalities, 0),
            np.zeros(len(self.patterns) + 1, dtype=np.int64),
            {name: columns.count(np.zeros((0, len(columns.names)))) for name, columns in self.modalities.items()},
            0,
            None if self.counts.classes is None else np.zeros_like(self.counts.classes),
            None if self.outputs is None else self.outputs.count(np.zeros((0, len(self.outputs.names)))),
        )

    def to_content(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Return the profile as metadata for JSON and named arrays."""
        counts = self.counts
        content = {
            "n_samples": counts.n_samples,
            "n_predictions": counts.n_predictions,
            "is_multilabel": self.is_multilabel,
            "n_groups": None if counts.groups is None else len(counts.groups),
            "observed": counts.observed,
            "patterns": list(self.patterns),
            "trained_rates": self.trained_rates,
            "modalities": {name: _description(columns) for name, columns in self.modalities.items()},
            "outputs": None if self.outputs is None else _description(self.outputs),
        }
        arrays = {"patterns": counts.patterns}
        if counts.classes is not None:
            arrays["classes"] = counts.classes
        for index, name in enumerate(self.modalities):
            arrays |= _arrays(f"{index}", self.modalities[name], counts.modalities[name])
        if self.outputs is not None and counts.outputs is not None:
            arrays |= _arrays("outputs", self.outputs, counts.outputs)
        return content, arrays

    @classmethod
    def from_content(cls, content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Self:
        """Create a profile from the results of `to_content`."""
        parts = {
            name: _restored(f"{index}", description, arrays)
            for index, (name, description) in enumerate(content["modalities"].items())
        }
        outputs = None if content["outputs"] is None else _restored("outputs", content["outputs"], arrays)
        n_groups = content["n_groups"]
        counts = Counts(
            content["n_samples"],
            dict(content["observed"]),
            arrays["patterns"],
            {name: counted for name, (_, counted) in parts.items()},
            content["n_predictions"],
            arrays.get("classes"),
            None if outputs is None else outputs[1],
            None if n_groups is None else set(range(n_groups)),
        )
        return cls(
            {name: columns for name, (columns, _) in parts.items()},
            tuple(content["patterns"]),
            content["is_multilabel"],
            None if outputs is None else outputs[0],
            counts,
            dict(content["trained_rates"]),
        )


def _description(columns: Columns) -> dict[str, Any]:
    categories = {str(column): size for column, size in columns.n_categories.items()}
    return {"names": list(columns.names), "n_categories": categories}


def _arrays(prefix: str, columns: Columns, counts: ColumnCounts) -> dict[str, AnyArray]:
    categories = {f"{prefix}/categories/{column}": count for column, count in counts.categories.items()}
    n_values = np.array([counts.n_values])
    numbers = {"edges": columns.edges, "known": counts.known, "greater": counts.greater.astype(np.int32), "n": n_values}
    return {**{f"{prefix}/{name}": array for name, array in numbers.items()}, **categories}


def _restored(
    prefix: str, description: Mapping[str, Any], arrays: Mapping[str, AnyArray]
) -> tuple[Columns, ColumnCounts]:
    n_categories = {int(column): size for column, size in description["n_categories"].items()}
    columns = Columns(tuple(description["names"]), arrays[f"{prefix}/edges"], n_categories)
    counts = ColumnCounts(
        int(arrays[f"{prefix}/n"][0]),
        arrays[f"{prefix}/known"],
        arrays[f"{prefix}/greater"].astype(np.int64),
        {column: arrays[f"{prefix}/categories/{column}"] for column in n_categories},
    )
    return columns, counts


def class_counts(classes: AnyArray, n_classes: int) -> AnyArray:
    """Return the number of predictions of each class or label, from class codes or bool (n_samples, n_labels)."""
    if classes.ndim == 2:
        return np.asarray(classes.sum(axis=0), dtype=np.int64)
    return np.bincount(classes, minlength=n_classes)


def pattern_counts(data: MultimodalData) -> dict[str, int]:
    """Return the number of samples by missing pattern, in decreasing order."""
    patterns, sizes = np.unique(data.availability, axis=0, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    return {_name(data.names, patterns[index]): int(sizes[index]) for index in order}


def _name(names: tuple[str, ...], observed: BoolArray) -> str:
    return pattern_name([name for name, is_observed in zip(names, observed, strict=True) if is_observed])


def column_names(schema: Schema, name: str) -> tuple[str, ...]:
    """Return the names of the columns of a modality: its features and, for sequences, the number of time steps.

    Images have one column, the mean of their pixels, and token ids the number of time steps.
    """
    modality = next(modality for modality in schema.modalities if modality.name == name)
    if modality.shape is not None:
        return ("mean of all pixels",)
    if modality.padding is not None:
        return ("number of time steps",)
    features = modality.feature_names or tuple(str(index) for index in range(modality.n_features))
    return (*features, "number of time steps") if modality.is_sequence else features
