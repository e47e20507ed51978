"""Prometheus metrics of the HTTP service."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["FOLDER_VARIABLE", "Metrics"]

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the folder in which the workers of one service share their metrics."""

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

DIFFERENCES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 10, 100, 1000)


class Metrics:
    """Prometheus metrics of one service.

    Attributes
    ----------
    registry : CollectorRegistry
        Separate from the global registry, so that a process can hold several services.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "redcore_requests", "Responses, by path and status code.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "redcore_request_seconds",
            "Time from request to response of /predict, in seconds.",
            registry=self.registry,
            buckets=SECONDS,
        )
        self.samples = Counter("redcore_samples", "Samples predicted.", registry=self.registry)
        self.batch_size = Histogram(
            "redcore_batch_size", "Samples per batch.", registry=self.registry, buckets=BATCH_SIZES
        )
        self.in_flight = Gauge(
            "redcore_requests_in_flight",
            "Requests to /predict that are being processed.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.missing = Counter(
            "redcore_modality_missing", "Samples without a modality.", ["modality"], registry=self.registry
        )
        self.patterns = Counter(
            "redcore_pattern_samples",
            "Samples by missing pattern; 'other' if the training data does not have it.",
            ["pattern"],
            registry=self.registry,
        )
        self.classes = Counter(
            "redcore_predicted_class", "Predictions of each class or label.", ["label"], registry=self.registry
        )
        self.shifts = Gauge(
            "redcore_shifts",
            "Tests that find a shift of the latest samples from the training data; the largest number of all workers.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )

        self.shadow_requests = Counter(
            "redcore_shadow_requests",
            "Requests by result of the second model: same, different, failed, or dropped because of a full queue.",
            ["result"],
            registry=self.registry,
        )
        self.shadow_samples = Counter(
            "redcore_shadow_samples", "Samples compared with the second model.", registry=self.registry
        )
        self.shadow_disagreements = Counter(
            "redcore_shadow_disagreements", "Samples for which the second model disagrees.", registry=self.registry
        )
        self.shadow_difference = Histogram(
            "redcore_shadow_difference",
            "Largest difference of a probability or number per request.",
            registry=self.registry,
            buckets=DIFFERENCES,
        )

    def batch(self, n_samples: int) -> None:
        """Record a batch of `n_samples` samples."""
        self.samples.inc(n_samples)
        self.batch_size.observe(n_samples)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format; those of several workers are summed."""
        if FOLDER_VARIABLE not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
