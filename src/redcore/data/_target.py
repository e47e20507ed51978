"""What is to be predicted."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore._validation import check_labels, check_multilabel, check_regression, check_weights

__all__ = ["Target", "TargetKind"]

TargetKind: TypeAlias = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True, eq=False)
class Target:
    """Labels of every sample, and what kind they are.

    Attributes
    ----------
    kind : {"binary", "multiclass", "multilabel", "regression"}
    values : array
        Classes: int64 codes (n_samples,) into `classes`. Multi-label: float32 zeros and ones
        (n_samples, n_labels). Regression: float64 (n_samples,) or (n_samples, n_outputs).
    classes : array or None
        All classes (or label names) that exist, also those that do not occur in `values`;
        None for regression.
    weights : array (n_samples,) or None
        How much each sample counts in the loss of every method, on average 1; None where all count the same.

    Examples
    --------
    >>> Target.from_labels(["cat", "dog", "cat"]).values
    array([0, 1, 0])
    """

    kind: TargetKind
    values: AnyArray
    classes: AnyArray | None = None
    weights: AnyArray | None = None

    @classmethod
    def from_labels(cls, labels: Any, classes: Any = None) -> "Target":
        """Make a binary or multiclass target; `classes` lists all that exist, if some may be absent."""
        codes, known = check_labels(labels, _length(labels), classes)
        return cls("binary" if len(known) == 2 else "multiclass", codes, known)

    @classmethod
    def from_multilabel(cls, indicators: Any, names: Any = None) -> "Target":
        """Make a multi-label target from a (n_samples, n_labels) array of zeros and ones."""
        values = check_multilabel(indicators, _length(indicators))
        names = range(values.shape[1]) if names is None else names
        _, known = check_labels(names, values.shape[1], names)
        return cls("multilabel", values, known)

    @classmethod
    def from_numbers(cls, numbers: Any) -> "Target":
        """Make a regression target from (n_samples,) or (n_samples, n_outputs) numbers."""
        return cls("regression", check_regression(numbers, _length(numbers)))

    @property
    def is_classification(self) -> bool:
        """Whether each sample has exactly one class."""
        return self.kind in ("binary", "multiclass")

    @property
    def n_outputs(self) -> int:
        """Width of a prediction: classes, labels or regression outputs."""
        if self.classes is not None:
            return len(self.classes)
        return 1 if self.values.ndim == 1 else int(self.values.shape[1])

    @property
    def counts(self) -> AnyArray:
        """How much each sample counts, (n_samples,): its weight, or 1."""
        return np.ones(len(self.values)) if self.weights is None else self.weights

    def take(self, indices: IntArray) -> "Target":
        """Return the target of the samples at `indices`; the classes stay the same."""
        weights = None if self.weights is None else self.weights[indices]
        return replace(self, values=self.values[indices], weights=weights)

    def weighted(self, weights: Any) -> "Target":
        """Return the target with these weights (n_samples,), scaled to a mean of 1; None stands for equal ones.

        Raises
        ------
        DataError
            If a weight is negative, infinite or NaN, or all are 0.
        """
        if weights is None:
            return replace(self, weights=None)
        checked = check_weights(weights, len(self.values))
        equal = np.ptp(checked) == 0
        return replace(self, weights=None if equal else checked / checked.mean())


def _length(values: Any) -> int:
    return len(values) if hasattr(values, "__len__") and getattr(values, "shape", None) != () else 0
