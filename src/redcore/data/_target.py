"""The prediction target and its kinds."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore._validation import check_labels, check_multilabel, check_regression, check_weights
from redcore.data._survival import TimeGrid, check_survival, survival_fields
from redcore.exceptions import TargetError

__all__ = ["HasTargetKind", "Target", "TargetKind"]


class TargetKind(StrEnum):
    """Kind of a prediction target. Members equal their strings, in JSON too, and have the repr of a string.

    Examples
    --------
    >>> TargetKind("multilabel").has_probabilities, TargetKind.REGRESSION == "regression"
    (True, True)
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"
    SURVIVAL = "survival"

    @property
    def is_classification(self) -> bool:
        """True if each sample has exactly one class."""
        return self in (TargetKind.BINARY, TargetKind.MULTICLASS)

    @property
    def is_multilabel(self) -> bool:
        """True if each sample has any number of labels."""
        return self is TargetKind.MULTILABEL

    @property
    def is_regression(self) -> bool:
        """True if the target is continuous."""
        return self is TargetKind.REGRESSION

    @property
    def is_survival(self) -> bool:
        """True if the target is the time to an event, which may be censored."""
        return self is TargetKind.SURVIVAL

    @property
    def has_probabilities(self) -> bool:
        """True if predictions are probabilities: of classes, of labels, or of survival."""
        return not self.is_regression

    def __repr__(self) -> str:
        return repr(self.value)


class HasTargetKind:
    """Base of dataclasses with a field ``kind`` or ``target_kind``.

    The field accepts a string and holds a `TargetKind`. Pickles hold the string, so that they do not refer to the enum.
    """

    def __post_init__(self) -> None:
        self.__setstate__(self.__dict__)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value.value if isinstance(value, TargetKind) else value for name, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = TargetKind(value) if name in ("kind", "target_kind") else value


@dataclass(frozen=True, eq=False)
class Target(HasTargetKind):
    """Labels of all samples and their kind.

    Attributes
    ----------
    kind : TargetKind
        "binary", "multiclass", "multilabel", "regression" or "survival".
    values : array
        Classes: int64 codes (n_samples,) that index `classes`. Multi-label: float32 zeros and ones
        (n_samples, n_labels). Regression: float64 (n_samples,) or (n_samples, n_outputs). Survival: float64
        (n_samples, 2), the times, and 1 for an event or 0 for a censored time.
    classes : array or None
        All classes (or label names), including those that do not occur in `values`. None for regression and survival.
    weights : array (n_samples,) or None
        Sample weights in the loss of every method, with mean 1. None for equal weights.
    grid : TimeGrid or None
        Time bins of a survival target, which a fit takes from its training samples. None for other kinds, and before a
        fit.

    Examples
    --------
    >>> Target.from_labels(["cat", "dog", "cat"]).values
    array([0, 1, 0])
    """

    kind: TargetKind
    values: AnyArray
    classes: AnyArray | None = None
    weights: AnyArray | None = None
    grid: TimeGrid | None = None

    @classmethod
    def from_labels(cls, labels: Any, classes: Any = None) -> "Target":
        """Make a binary or multiclass target. `classes` lists all classes, if some may not occur in `labels`."""
        codes, known = check_labels(labels, _length(labels), classes)
        return cls(TargetKind.BINARY if len(known) == 2 else TargetKind.MULTICLASS, codes, known)

    @classmethod
    def from_multilabel(cls, indicators: Any, names: Any = None) -> "Target":
        """Make a multi-label target from a (n_samples, n_labels) array of zeros and ones."""
        values = check_multilabel(indicators, _length(indicators))
        names = range(values.shape[1]) if names is None else names
        _, known = check_labels(names, values.shape[1], names)
        return cls(TargetKind.MULTILABEL, values, known)

    @classmethod
    def from_numbers(cls, numbers: Any) -> "Target":
        """Make a regression target from (n_samples,) or (n_samples, n_outputs) numbers."""
        return cls(TargetKind.REGRESSION, check_regression(numbers, _length(numbers)))

    @classmethod
    def from_survival(cls, times: Any, events: Any = None) -> "Target":
        """Make a survival target from times and events (1 or True) or censored times (0 or False).

        Parameters
        ----------
        times : array (n_samples,)
            Positive numbers; or a structured array of times and events as in scikit-survival.
        events : array (n_samples,), optional
            Not needed with a structured array.

        Examples
        --------
        >>> Target.from_survival([3.0, 5.5], [True, False]).values
        array([[3. , 1. ],
               [5.5, 0. ]])
        """
        if events is None:
            fields = survival_fields(times)
            if fields is None:
                raise TargetError("times without events: expected two arrays, or a structured array of both")
            times, events = fields
        return cls(TargetKind.SURVIVAL, check_survival(times, events))

    @property
    def is_classification(self) -> bool:
        """True if each sample has exactly one class."""
        return self.kind.is_classification

    @property
    def time_grid(self) -> TimeGrid:
        """Time bins of a survival target.

        Raises
        ------
        TargetError
            If the target has none, because it was neither used in a fit nor aligned with the schema of a model.
        """
        if self.grid is None:
            raise TargetError("the survival target has no time bins; align the data with a model (Schema.align)")
        return self.grid

    def on_grid(self, grid: TimeGrid | None = None) -> "Target":
        """Return a survival target with these time bins; by default, with those of its own samples."""
        return replace(self, grid=TimeGrid.fit(self.values, self.weights) if grid is None else grid)

    @property
    def n_outputs(self) -> int:
        """Width of a prediction: number of classes, labels, regression outputs or time bins."""
        if self.kind.is_survival:
            return self.time_grid.n_bins
        if self.classes is not None:
            return len(self.classes)
        return 1 if self.values.ndim == 1 else int(self.values.shape[1])

    @property
    def counts(self) -> AnyArray:
        """Sample weights (n_samples,); ones if the target has none."""
        return np.ones(len(self.values)) if self.weights is None else self.weights

    def take(self, indices: IntArray) -> "Target":
        """Return the target of the samples at `indices`; the classes stay the same."""
        weights = None if self.weights is None else self.weights[indices]
        return replace(self, values=self.values[indices], weights=weights)

    def weighted(self, weights: Any) -> "Target":
        """Return the target with these weights (n_samples,), scaled to mean 1. None gives equal weights.

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
