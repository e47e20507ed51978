"""Comparison of the latest samples of the service with the training data of its model."""

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.methods import Method
from redcore.monitoring import Counts, Monitor, Reference
from redcore.serving._metrics import Metrics

__all__ = ["DriftWatch"]

WINDOW, INTERVAL = 500, 100
"""Samples of one window, and samples between two comparisons. The last two windows are compared."""

OTHER_PATTERNS = "other"
"""Label of the missing patterns that the training data does not have."""


class DriftWatch:
    """Counts of the latest 500 to 1,000 samples. Memory does not depend on the number of samples.

    Parameters
    ----------
    method : Method
    reference : Reference
        Profile of the training data.
    metrics : Metrics
        Metrics to which modalities, patterns and classes are added.
    """

    def __init__(self, method: Method, reference: Reference, metrics: Metrics) -> None:
        self.method, self.reference, self.metrics = method, reference, metrics
        self.current, self.previous = Monitor(method, reference), Monitor(method, reference)
        self.n_unchecked = 0
        self.messages: list[str] = []
        classes = method.schema.classes
        self.labels = [] if classes is None else [str(label) for label in classes.tolist()]

    def add(self, data: MultimodalData, outputs: AnyArray) -> None:
        """Add a batch with its predictions, (n_samples, n_outputs)."""
        self._count(self.current.add(data, outputs))
        self.n_unchecked += data.n_samples
        if self.n_unchecked >= INTERVAL:
            self.n_unchecked = 0
            self._compare()
        if self.current.counts.n_samples >= WINDOW:
            self.previous, self.current = self.current, Monitor(self.method, self.reference)

    def _compare(self) -> None:
        both = Monitor(self.method, self.reference)
        for window in (self.previous, self.current):
            both.counts += window.counts
        comparison = both.compare()
        self.metrics.shifts.set(len(comparison.shifts))
        self.messages = comparison.messages()

    def _count(self, counts: Counts) -> None:
        for name, observed in counts.observed.items():
            self.metrics.missing.labels(name).inc(counts.n_samples - observed)
        names = [*(name or "none" for name in self.reference.patterns), OTHER_PATTERNS]
        for place in np.flatnonzero(counts.patterns).tolist():
            self.metrics.patterns.labels(names[place]).inc(int(counts.patterns[place]))
        if counts.classes is not None:
            for label, count in zip(self.labels, counts.classes.tolist(), strict=True):
                self.metrics.classes.labels(label).inc(count)
