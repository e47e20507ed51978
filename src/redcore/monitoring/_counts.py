"""Counts of a data set from which it is compared with the training data."""

from dataclasses import dataclass, field
from typing import Any, Self

from redcore._types import IntArray
from redcore.monitoring._columns import ColumnCounts

__all__ = ["Counts"]

SHOWN_PATTERNS = 5
"""Number of unseen patterns whose names are kept."""


@dataclass(eq=False)
class Counts:
    """Counts of samples, missing patterns, values and predictions. Their size does not depend on the number of samples.

    Attributes
    ----------
    n_samples : int
    observed : dict of str to int
        Number of samples that observe each modality.
    patterns : int array (n_patterns + 1,)
        Number of samples per missing pattern of the reference; the last entry counts all other patterns.
    modalities : dict of str to ColumnCounts
    n_predictions : int
        Number of samples that are predicted.
    classes : int array (n_classes,) or None
        Number of predictions of each class or label; None in regression.
    outputs : ColumnCounts or None
        Counts of the predicted numbers in regression.
    groups : set or None
        Groups of the samples; None if the data has no groups.
    unseen : list of str
        Names of at most five patterns that the reference does not have.
    """

    n_samples: int
    observed: dict[str, int]
    patterns: IntArray
    modalities: dict[str, ColumnCounts]
    n_predictions: int
    classes: IntArray | None
    outputs: ColumnCounts | None
    groups: set[Any] | None = None
    unseen: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Counts") -> Self:
        self.n_samples += other.n_samples
        self.n_predictions += other.n_predictions
        self.patterns += other.patterns
        for name, count in other.observed.items():
            self.observed[name] += count
        for name, counts in other.modalities.items():
            self.modalities[name] += counts
        if self.classes is not None and other.classes is not None:
            self.classes += other.classes
        if self.outputs is not None and other.outputs is not None:
            self.outputs += other.outputs
        if other.groups is not None:
            self.groups = (self.groups or set()) | other.groups
        self.unseen = list(dict.fromkeys([*self.unseen, *other.unseen]))[:SHOWN_PATTERNS]
        return self

    @property
    def independent_share(self) -> float:
        """Number of groups per sample; 1 without groups. Samples of one group are not independent."""
        return 1.0 if self.groups is None else len(self.groups) / max(1, self.n_samples)

    def missing_rate(self, name: str) -> float:
        """Return the share of the samples in which a modality is missing."""
        return 1 - self.observed[name] / max(1, self.n_samples)
