"""The prediction target and its kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import check_known, check_labels, check_multilabel, check_regression, check_weights
from redcore.data._survival import TimeGrid, check_survival, survival_fields
from redcore.exceptions import TargetError, UnsupportedError

__all__ = ["HasTargetKind", "Target", "TargetKind", "TargetPart", "require_single_target"]


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
    MIXED = "mixed"

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
    def is_mixed(self) -> bool:
        """True if the target consists of several targets, which may be of different kinds."""
        return self is TargetKind.MIXED

    @property
    def has_probabilities(self) -> bool:
        """True if all predictions are probabilities: of classes, of labels, or of survival."""
        return not (self.is_regression or self.is_mixed)

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


def require_single_target(kind: TargetKind, what: str) -> None:
    """Raise `UnsupportedError` if the target consists of several targets. `what` begins the message."""
    if kind.is_mixed:
        raise UnsupportedError(
            f"{what} expects a single target, got several; select one with of_part(name) of the data and of the method"
        )


@dataclass(frozen=True, eq=False)
class TargetPart(HasTargetKind):
    """One of several targets, without its values.

    Attributes
    ----------
    name : str
    kind : TargetKind
        Any kind but "mixed".
    classes : array or None
        As in `Target`.
    n_columns : int
        Number of its columns in the values of the mixed target.
    n_outputs : int
        Width of its predictions. A survival target has no predictions before a fit; the width is then 0.
    grid : TimeGrid or None
        As in `Target`.
    """

    name: str
    kind: TargetKind
    classes: AnyArray | None
    n_columns: int
    n_outputs: int
    grid: TimeGrid | None = None

    @classmethod
    def of(cls, name: str, target: "Target") -> "TargetPart":
        """Return the description of a single target."""
        if target.kind.is_mixed:
            raise TargetError(f"target {name!r} consists of several targets, expected a single one")
        n_columns = 1 if target.values.ndim == 1 else target.values.shape[1]
        has_width = not target.kind.is_survival or target.grid is not None
        return cls(name, target.kind, target.classes, n_columns, target.n_outputs if has_width else 0, target.grid)

    def target(self, columns: AnyArray) -> "Target":
        """Return the target with the values `columns`, (n_samples, n_columns) without NaN."""
        if self.kind.is_classification:
            return Target(self.kind, columns[:, 0].astype(np.int64), self.classes)
        if self.kind.is_multilabel:
            return Target(self.kind, columns.astype(np.float32), self.classes)
        values = columns[:, 0] if self.n_columns == 1 else columns
        return Target(self.kind, np.ascontiguousarray(values), None, grid=self.grid)


@dataclass(frozen=True, eq=False)
class Target(HasTargetKind):
    """Labels of all samples and their kind.

    Attributes
    ----------
    kind : TargetKind
        "binary", "multiclass", "multilabel", "regression", "survival" or "mixed" (several targets).
    values : array
        Classes: int64 codes (n_samples,) that index `classes`. Multi-label: float32 zeros and ones
        (n_samples, n_labels). Regression: float64 (n_samples,) or (n_samples, n_outputs). Survival: float64
        (n_samples, 2), the times, and 1 for an event or 0 for a censored time. Mixed: float64 (n_samples, n_columns),
        the columns of all `parts` side by side, with NaN where a sample has no value of a part.
    classes : array or None
        All classes (or label names), including those that do not occur in `values`. None for regression, survival and
        mixed.
    weights : array (n_samples,) or None
        Sample weights in the loss of every method, with mean 1. None for equal weights.
    grid : TimeGrid or None
        Time bins of a survival target, which a fit takes from its training samples. None for other kinds, and before a
        fit.
    parts : tuple of TargetPart
        Single targets of a mixed target; empty for other kinds.

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
    parts: tuple[TargetPart, ...] = ()

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

    @classmethod
    def from_parts(cls, parts: Mapping[str, "Target"], labelled: Mapping[str, Any] | None = None) -> "Target":
        """Make a mixed target from several single targets.

        Parameters
        ----------
        parts : mapping of str to Target
            Targets by name. Their sample weights are ignored.
        labelled : mapping of str to bool array (n_samples,), optional
            True for the samples with a value, for the parts that are not known for all samples. The target of such a
            part has the values of these samples only.

        Examples
        --------
        >>> stage, age = Target.from_labels(["early", "late"]), Target.from_numbers([61.0])
        >>> target = Target.from_parts({"stage": stage, "age": age}, {"age": [True, False]})
        >>> target.values
        array([[ 0., 61.],
               [ 1., nan]])
        >>> target.of_part("age").values
        array([61.])
        """
        if not parts:
            raise TargetError("a mixed target without parts: expected at least one target")
        masks = {name: np.asarray(mask, dtype=bool) for name, mask in (labelled or {}).items()}
        check_known("target", masks, parts)
        lengths = {name: len(masks.get(name, target.values)) for name, target in parts.items()}
        n_samples = lengths[next(iter(parts))]
        columns = []
        for name, target in parts.items():
            mask = masks.get(name, np.ones(lengths[name], dtype=bool))
            n_values, n_labelled = len(target.values), int(mask.sum())
            if (lengths[name], n_labelled) != (n_samples, n_values):
                raise TargetError(
                    f"target {name!r}: {n_values} values for {n_labelled} labelled of {lengths[name]} samples, "
                    f"expected {n_samples} samples"
                )
            block = np.full((n_samples, np.atleast_2d(target.values.T).shape[0]), np.nan)
            block[mask] = target.values.reshape(len(target.values), block.shape[1])
            columns.append(block)
        described = tuple(TargetPart.of(str(name), target) for name, target in parts.items())
        return cls(TargetKind.MIXED, np.concatenate(columns, axis=1), parts=described)

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts of a mixed target."""
        return tuple(part.name for part in self.parts)

    def labelled(self, name: str) -> BoolArray:
        """Return the samples with a value of a part of a mixed target, bool (n_samples,)."""
        return np.asarray(~np.isnan(self._columns(name)[1]).any(axis=1))

    def of_part(self, name: str) -> "Target":
        """Return a part of a mixed target as a single target, with its labelled samples only; see `labelled`.

        Raises
        ------
        UnknownNameError
            If the target has no such part.
        """
        part, columns = self._columns(name)
        rows = self.labelled(name)
        target = part.target(columns[rows])
        return target if self.weights is None or not rows.any() else target.weighted(self.weights[rows])

    def _columns(self, name: str) -> tuple[TargetPart, AnyArray]:
        check_known("target", [name], self.part_names)
        place = self.part_names.index(name)
        start = sum(part.n_columns for part in self.parts[:place])
        return self.parts[place], self.values[:, start : start + self.parts[place].n_columns]

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
        """Return a survival target with these time bins; by default, with those of its own samples.

        Without `grid`, the survival parts of a mixed target get the bins of their labelled samples.
        """
        if self.kind.is_mixed:
            targets = {name: self.of_part(name) for name in self.part_names}
            parts = (TargetPart.of(n, one.on_grid() if one.kind.is_survival else one) for n, one in targets.items())
            return replace(self, parts=tuple(parts))
        return replace(self, grid=TimeGrid.fit(self.values, self.weights) if grid is None else grid)

    @property
    def n_outputs(self) -> int:
        """Width of a prediction: number of classes, labels, regression outputs or time bins; the sum of all parts."""
        if self.kind.is_mixed:
            return sum(part.n_outputs for part in self.parts)
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
