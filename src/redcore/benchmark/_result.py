"""Interface of results that statistics and pages read."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from redcore.benchmark._samples import Influence, Over

__all__ = ["Result"]


class Result(Protocol):
    """Result of one fit: the record of a benchmark cell (`Record`) or of a run (`redcore.runs.RunResult`)."""

    @property
    def key(self) -> str:
        """Name of the result."""

    @property
    def status(self) -> Literal["done", "failed"]:
        """Status of the fit; a failed one has no scores."""

    @property
    def error(self) -> str | None:
        """Error of a failed fit."""

    @property
    def data_title(self) -> str:
        """Name of the data set in tables."""

    @property
    def protocol_title(self) -> str:
        """Name of the missing protocol with its rates in tables."""

    @property
    def method_title(self) -> str:
        """Name of the method in tables."""

    @property
    def tuning_title(self) -> str:
        """Budget of a tuned method as text; empty without tuning."""

    @property
    def is_tuned_on_other_run(self) -> bool:
        """True if the method was tuned on the training split of another run."""

    @property
    def protocol_name(self) -> str:
        """Name of the missing protocol."""

    @property
    def seed(self) -> int:
        """Seed of the fit."""

    @property
    def fold(self) -> int | None:
        """Cross-validation fold, from 1."""

    @property
    def checksums(self) -> Mapping[str, str]:
        """Checksums of the data and of its splits and masks, as far as known."""

    @property
    def n_samples(self) -> Mapping[str, int]:
        """Number of samples by split: ``train``, ``validation`` and ``test``."""

    @property
    def missing_rates(self) -> Mapping[str, Mapping[str, float]]:
        """Realised missing rates by split and modality."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Scores: ``per_pattern``, ``pooled`` and ``as_observed``; see `redcore.metrics.PatternReport`."""

    @property
    def history(self) -> Mapping[str, Sequence[float]]:
        """Training history per step, by column."""

    @property
    def epochs(self) -> Mapping[str, Sequence[float]]:
        """Training history per epoch, by column."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Durations, such as ``fit``."""

    @property
    def n_parameters(self) -> int | None:
        """Number of fitted values."""

    @property
    def peak_bytes(self) -> int | None:
        """Largest resident memory of the process."""

    def sample_influence(self, score: str, over: Over | tuple[str, ...]) -> Influence | None:
        """Return the influence of each test unit on a score, or None if the predictions were not kept."""

    def configuration(self) -> dict[str, Any]:
        """Return everything that the result depends on, by field."""
