"""Prometheus metrics of the HTTP service."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


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
            "redcore_requests_in_flight", "Requests to /predict that are being processed.", registry=self.registry
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
            "Tests that find a shift of the latest 500 to 1,000 samples from the training data.",
            registry=self.registry,
        )

    def batch(self, n_samples: int) -> None:
        """Record a batch of `n_samples` samples."""
        self.samples.inc(n_samples)
        self.batch_size.observe(n_samples)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)
