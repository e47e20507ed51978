"""What the service counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Meters"]

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Meters:
    """Counters of one service, in a registry of their own.

    Attributes
    ----------
    registry : CollectorRegistry
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "redcore_requests", "Answers, by path and status.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "redcore_request_seconds",
            "Time from request to answer, of /predict.",
            registry=self.registry,
            buckets=SECONDS,
        )
        self.samples = Counter("redcore_samples", "Samples predicted.", registry=self.registry)
        self.batch_size = Histogram(
            "redcore_batch_size", "Samples predicted at once.", registry=self.registry, buckets=BATCH_SIZES
        )
        self.in_flight = Gauge("redcore_requests_in_flight", "Requests to /predict now.", registry=self.registry)

    def batch(self, n_samples: int) -> None:
        """Count a batch."""
        self.samples.inc(n_samples)
        self.batch_size.observe(n_samples)

    def text(self) -> bytes:
        """Return all of it in the text format of Prometheus."""
        return generate_latest(self.registry)
