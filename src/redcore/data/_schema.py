"""Schema of a data set: modalities and target without values, saved with every model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore._validation import check_known, check_labels
from redcore.data._categories import with_categories
from redcore.data._dataset import MultimodalData
from redcore.data._labels import known_values, labels_like, numbers_of
from redcore.data._survival import TimeGrid
from redcore.data._target import HasTargetKind, Target, TargetKind, TargetPart
from redcore.exceptions import SchemaError, TargetError, shortened

__all__ = ["ModalitySchema", "Schema"]


@dataclass(frozen=True)
class ModalitySchema:
    """Name, number of features, type (vectors or sequences), feature names and categories (if known) of one modality.

    Attributes
    ----------
    categories : dict of str to tuple of str, or None
        Categories of the features that are categories, by feature name.
    shape : tuple (channels, height, width) or None
        Shape of an image; None for other modalities.
    padding : int or None
        Padding id of token ids; None for other modalities.
    dtype : {"uint8", "float32"} or None
        Type of the pixels of images; None for other modalities.
    text : tuple of str or None
        Names of the features that are free text. Their texts are not part of the schema.
    """

    name: str
    n_features: int
    is_sequence: bool
    feature_names: tuple[str, ...] | None = None
    categories: Mapping[str, tuple[str, ...]] | None = None
    shape: tuple[int, ...] | None = None
    padding: int | None = None
    dtype: str | None = None
    text: tuple[str, ...] | None = None

    @classmethod
    def of(cls, name: str, data: MultimodalData) -> "ModalitySchema":
        """Return the schema of one modality of `data`."""
        modality = data.modalities[name]
        names, text = data.feature_names.get(name), data.text.get(name, ())
        categories = {feature: own for feature, own in data.categories.get(name, {}).items() if feature not in text}
        dtype = None if modality.shape is None else modality.dtype
        raw = (modality.shape, modality.padding, dtype)
        return cls(name, modality.n_features, modality.is_sequence, names, categories or None, *raw, text or None)

    @property
    def form(self) -> str:
        """Kind and shape of the samples for error messages, such as "vectors" or "uint8 images of 3x32x32"."""
        if self.shape is not None:
            return f"{self.dtype} images of {'x'.join(map(str, self.shape))}"
        if self.padding is not None:
            return f"token ids with the padding id {self.padding}"
        return "sequences" if self.is_sequence else "vectors"


@dataclass(frozen=True, eq=False)
class Schema(HasTargetKind):
    """Modalities and target of a data set.

    Attributes
    ----------
    modalities : tuple of ModalitySchema
        Sorted by name.
    target_kind : TargetKind
    classes : array or None
        As in `Target`.
    n_outputs : int
        Width of a prediction: number of classes, labels, regression outputs or time bins.
    grid : TimeGrid or None
        Time bins of a survival target, from the training samples. None for other targets.
    parts : tuple of TargetPart
        Single targets of a mixed target; empty for other targets.
    """

    modalities: tuple[ModalitySchema, ...]
    target_kind: TargetKind
    classes: AnyArray | None
    n_outputs: int
    grid: TimeGrid | None = None
    parts: tuple[TargetPart, ...] = ()

    @classmethod
    def of(cls, data: MultimodalData) -> "Schema":
        """Return the schema of `data`, which must have a target."""
        if data.target is None:
            raise TargetError("labels are missing: the data has no target")
        modalities = tuple(ModalitySchema.of(name, data) for name in data.names)
        target = data.target
        return cls(modalities, target.kind, target.classes, target.n_outputs, target.grid, target.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Modality names, sorted."""
        return tuple(modality.name for modality in self.modalities)

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts of a mixed target; empty for other targets."""
        return tuple(part.name for part in self.parts)

    def of_part(self, name: str) -> "Schema":
        """Return the schema with one part of a mixed target as its target."""
        check_known("target", [name], self.part_names)
        part = self.parts[self.part_names.index(name)]
        return Schema(self.modalities, part.kind, part.classes, part.n_outputs, part.grid)

    def outputs_of(self, name: str) -> slice:
        """Return the columns of the predictions of one part of a mixed target."""
        check_known("target", [name], self.part_names)
        place = self.part_names.index(name)
        start = sum(part.n_outputs for part in self.parts[:place])
        return slice(start, start + self.parts[place].n_outputs)

    def by_part(self, outputs: AnyArray) -> dict[str, AnyArray]:
        """Return the predictions of each part of a mixed target, from predictions (..., n_outputs)."""
        return {name: outputs[..., self.outputs_of(name)] for name in self.part_names}

    def align(self, data: MultimodalData) -> MultimodalData:
        """Return `data` with a target of this schema, for evaluation.

        Class codes get the order of this schema's classes. Labels are converted to the type of the classes, and whole
        numbers that were read as classes to numbers if the schema is of a regression. A survival target gets the time
        bins of this schema.

        Raises
        ------
        TargetError
            If `data` has no target, another kind of target, or a class that is unknown from training.
        """
        target = data.target
        if target is None:
            raise TargetError("labels are missing: the data has no target to score against")
        aligned = self._aligned(target)
        return data if aligned is target else replace(data, target=aligned)

    def _aligned(self, target: Target) -> Target:
        if target.kind.is_mixed and self.target_kind.is_mixed:
            return self._aligned_parts(target)
        if target.kind == self.target_kind and target.kind.is_survival:
            return target.on_grid(self.grid)
        if target.kind == self.target_kind and not target.is_classification:
            return target
        may_match = target.is_classification and (self.target_kind.is_classification or self.target_kind.is_regression)
        if not may_match or target.classes is None:
            raise TargetError(f"the target is {target.kind}, expected {self.target_kind} as in training")
        return replace(self.target_of(target.classes[target.values]), weights=target.weights)

    def _aligned_parts(self, target: Target) -> Target:
        """Return a mixed target with the parts of this schema, in their order; absent parts have no labelled sample."""
        check_known("target", target.part_names, self.part_names)
        aligned, labelled = {}, {}
        for part in self.parts:
            mask = np.zeros(len(target.values), dtype=bool)
            aligned[part.name] = part.target(np.zeros((0, part.n_columns)))
            if part.name in target.part_names and (mask := target.labelled(part.name)).any():
                try:
                    aligned[part.name] = self.of_part(part.name)._aligned(
                        replace(target.of_part(part.name), weights=None)
                    )
                except TargetError as error:
                    raise TargetError(f"target {part.name!r}: {error}") from None
            labelled[part.name] = mask
        return replace(Target.from_parts(aligned, labelled), weights=target.weights)

    def target_of(self, labels: Any) -> Target:
        """Return labels as a target of this schema: its kind, and its classes in their order and type.

        Parameters
        ----------
        labels : array (n_samples,) or (n_samples, n_outputs)
            Labels as they stand in a file: text, numbers or booleans. Numbers may also be given as text. Survival:
            times and events, (n_samples, 2). Several targets: a mapping of their names to such labels, in which None
            and NaN are missing values; targets without an entry have no labelled sample.

        Raises
        ------
        TargetError
            If a label is missing, is not among the classes, or is not a number in a regression.
        """
        if self.target_kind.is_mixed:
            return self._parts_of(labels)
        labels = np.asarray(labels)
        if labels.ndim not in (1, 2):
            raise TargetError(f"labels have shape {labels.shape}, expected 1 or 2 dimensions")
        if self.target_kind.is_survival:
            if labels.ndim != 2 or labels.shape[1] != 2:
                raise TargetError(f"labels have shape {labels.shape}, expected (n_samples, 2): times and events")
            return Target.from_survival(labels[:, 0], labels[:, 1]).on_grid(self.grid)
        if self.classes is None:
            return Target.from_numbers(numbers_of(labels) if labels.dtype.kind in "US" else labels)
        if self.target_kind.is_multilabel:
            return Target.from_multilabel(labels.reshape(len(labels), -1), self.classes)
        codes, classes = check_labels(_like(labels, self.classes), len(labels), self.classes)
        return Target(self.target_kind, codes, classes)

    def _parts_of(self, labels: Any) -> Target:
        """Return `target_of` for several targets."""
        if not isinstance(labels, Mapping) or not labels:
            raise TargetError(f"expected labels by target ({', '.join(self.part_names)}), got {type(labels).__name__}")
        check_known("target", labels, self.part_names)
        parts, labelled = {}, {}
        n_samples = len(next(iter(labels.values())))
        for part in self.parts:
            parts[part.name], known = part.target(np.zeros((0, part.n_columns))), np.zeros(n_samples, dtype=bool)
            if part.name in labels:
                values, known = known_values(part.name, labels[part.name])
                try:
                    parts[part.name] = self.of_part(part.name).target_of(values) if known.any() else parts[part.name]
                except TargetError as error:
                    raise TargetError(f"target {part.name!r}: {error}") from None
            labelled[part.name] = known
        return Target.from_parts(parts, labelled)

    def conform(self, data: MultimodalData) -> MultimodalData:
        """Return `data` with the features of each modality in the order of this schema.

        Features are matched by name if both the schema and `data` have names, and by position otherwise. Modalities of
        the schema may be absent from `data`; they are then missing in every sample. Codes of categories become those of
        this schema; a category that is unknown from training gets the code "unknown", the number of categories.

        Raises
        ------
        UnknownNameError
            If `data` has an unknown modality.
        SchemaError
            If a modality has a different number of features, other feature names, or vectors instead of sequences or
            vice versa; or if a feature holds categories instead of numbers.

        Warns
        -----
        UnseenCategoryWarning
            If samples have categories that are unknown from training.
        """
        check_known("modality", data.names, self.names)
        for expected in self.modalities:
            modality = data.modalities.get(expected.name)
            if modality is None or modality.n_features == 0 or expected.n_features == 0:
                continue
            names = data.feature_names.get(expected.name)
            if names is not None and expected.feature_names is not None and names != expected.feature_names:
                _check_feature_names(expected.name, names, expected.feature_names)
                data = data.reorder_features(expected.name, expected.feature_names)
            actual = ModalitySchema.of(expected.name, data)
            if (actual.shape, actual.padding, actual.dtype) != (expected.shape, expected.padding, expected.dtype):
                raise SchemaError(
                    f"modality {expected.name!r} contains {actual.form}, expected {expected.form} as in training"
                )
            if modality.n_features != expected.n_features:
                raise SchemaError(
                    f"modality {expected.name!r} has {modality.n_features} features, expected "
                    f"{expected.n_features} as in training"
                )
            if modality.is_sequence != expected.is_sequence:
                kinds = {True: "sequences", False: "vectors"}
                raise SchemaError(
                    f"modality {expected.name!r} contains {kinds[modality.is_sequence]}, expected "
                    f"{kinds[expected.is_sequence]} as in training"
                )
            names, text = expected.feature_names or (), expected.text or ()
            data = with_categories(data, expected.name, names, expected.categories or {}, text)
        return data


def _like(labels: AnyArray, classes: AnyArray) -> AnyArray:
    """Return labels in the type of `classes`; missing labels and labels of two dimensions stay for `check_labels`."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    is_missing = labels.dtype.kind == "f" and bool(np.isnan(labels).any())
    if labels.ndim != 1 or is_missing or (labels.dtype.kind == "O" and any(entry is None for entry in labels)):
        return labels
    return labels_like(labels, classes)


def _check_feature_names(modality: str, names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Raise `SchemaError` unless `names` is a permutation of `expected`."""
    known, present = set(expected), set(names)
    unknown = [name for name in names if name not in known]
    absent = [name for name in expected if name not in present]
    if unknown or absent:
        problems = [f"{kind}: {shortened(some)}" for kind, some in (("unknown", unknown), ("absent", absent)) if some]
        raise SchemaError(f"modality {modality!r} has other features than in training ({'; '.join(problems)})")
