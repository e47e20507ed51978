"""Expected change of a prediction if a missing modality were measured."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from redcore._defaults import COVERAGE
from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import MultimodalData
from redcore.explain._pattern_predictions import predict_patterns
from redcore.methods import Method

__all__ = ["ExpectedChange", "decisions", "expected_changes"]

N_SIMILAR = 50
"""Largest number of similar samples from which a change is estimated."""

SHARE = 8
"""At most one reference sample in `SHARE` is similar, so that their predictions are near that of the sample."""

MIN_REFERENCE = 80
"""Number of reference samples below which no change is estimated."""

MAX_REFERENCE = 2000
"""Largest number of reference samples per missing pattern and modality."""

MIN_SPREAD = 0.05
"""Smallest spread of the changes of a sample, in standard deviations of all changes."""


@dataclass(frozen=True)
class ExpectedChange:
    """Expected change of the prediction of one sample if one missing modality A were measured.

    Let O be the observed modalities of the sample x, and ``f_S`` the prediction from the modalities S. Reference
    samples observe O and A. Those whose ``f_O`` is nearest to that of x (Euclidean distance over all outputs) are its
    similar samples: an eighth of the reference samples, at most 50. The differences ``f_(O and A) - f_O`` of the
    similar samples are the possible changes of x. A probability stays in [0, 1].

    The interval is conformal. Each reference sample is treated as a new one: the mean and the standard deviation of the
    changes of its own similar samples predict its change, whose deviation from the mean is divided by the standard
    deviation. The quantiles of these ratios over all reference samples, times the standard deviation of x, are added to
    the mean of x. They include the noise of the similar samples and their distance from x. If reference samples and x
    are exchangeable, the interval contains the change with a probability of 90% on average over samples x.

    A coherent prediction has a mean change of about 0, whatever the modality: before it is measured, a rise is as
    likely as a fall. The mean absolute change is therefore the measure of its importance.

    Attributes
    ----------
    size : float
        Mean absolute change over the similar samples, in units of the prediction.
    size_error : float
        Standard error of `size`.
    mean : float
        Mean change.
    low, high : float
        Conformal interval that is expected to contain the change with a probability of 90%.
    decision_changes : float or None
        Share of the possible predictions with A whose class differs from the present one; None for regression.
    n_similar : int
        Number of similar samples.
    """

    size: float
    size_error: float
    mean: float
    low: float
    high: float
    decision_changes: float | None
    n_similar: int

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes as a dict for JSON."""
        return asdict(self)


def expected_changes(
    method: Method,
    reference: MultimodalData,
    data: MultimodalData,
    outputs: AnyArray,
    columns: Callable[[AnyArray], IntArray],
    seed: int = 0,
) -> dict[str, list[ExpectedChange | str]]:
    """Return the expected changes by missing modality, for samples with the same observed modalities.

    Parameters
    ----------
    method : Method
    reference : MultimodalData
        Reference samples, results of `Method.completed`. They need no target, and should not be training samples. A
        sample of `data` is never its own reference.
    data : MultimodalData
        Samples with the same missing pattern, results of `Method.completed`.
    outputs : array (n_samples, n_outputs)
        Predictions of `data`.
    columns : callable
        Map predictions (n, n_outputs) to the explained output of each, int (n,).
    seed : int
        Seed of the selection of at most 2,000 reference samples.

    Returns
    -------
    dict of str to list of ExpectedChange or str
        One entry per sample. It is a string with the reason if fewer than 80 reference samples observe the modalities.
    """
    observed = data.availability[0]
    rng = np.random.default_rng(seed)
    changes: dict[str, list[ExpectedChange | str]] = {}
    for place in np.flatnonzero(~observed).tolist():
        with_new = observed.copy()
        with_new[place] = True
        rows = np.flatnonzero(reference.availability[:, with_new].all(axis=1))
        name = method.active[place]
        if len(rows) < MIN_REFERENCE:
            reason = (
                f"{len(rows)} reference samples observe {name} and all observed modalities of the sample; "
                f"at least {MIN_REFERENCE} are necessary"
            )
            changes[name] = [reason] * data.n_samples
            continue
        donors = reference.take(np.sort(rng.permutation(rows)[:MAX_REFERENCE])).loaded()
        before, after = predict_patterns(method, donors, np.stack([observed, with_new]))
        chances = _Chances(method, before, after, observed, columns)
        changes[name] = chances.of(outputs, data.sample_ids[:, None] == donors.sample_ids)
    return changes


def decisions(method: Method, outputs: AnyArray, column: int) -> AnyArray | None:
    """Return the predicted classes of outputs (n, n_outputs) as codes; for a label (multilabel), True if predicted.

    The result is None for regression.
    """
    if method.schema.target_kind.is_regression:
        return None
    return outputs[:, column] >= 0.5 if method.schema.target_kind.is_multilabel else method.decide(outputs)


@dataclass(frozen=True, eq=False)
class _Chances:
    """Changes of the predictions of reference samples, (n_donors, n_outputs) before and after the measurement."""

    method: Method
    before: AnyArray
    after: AnyArray
    observed: BoolArray
    columns: Callable[[AnyArray], IntArray]

    def of(self, outputs: AnyArray, same: BoolArray) -> list[ExpectedChange | str]:
        """Return the expected changes of predictions (n_samples, n_outputs).

        Parameters
        ----------
        outputs : array (n_samples, n_outputs)
        same : bool array (n_samples, n_donors)
            True if sample and donor are the same.
        """
        near, column = self._nearest(outputs, same), self.columns(outputs)
        changes = self._changes(outputs, near, column)
        below, above = self._ratios
        centre, spread = changes.mean(axis=1), self._spread(changes)
        low, high = np.minimum(centre, centre + below * spread), np.maximum(centre, centre + above * spread)
        if not self.method.schema.target_kind.is_regression:
            now = outputs[np.arange(len(outputs)), column]
            low, high = low.clip(min=-now), high.clip(max=1 - now)
        decided = [self._decision_changes(outputs[row], near[row], int(column[row])) for row in range(len(outputs))]
        sizes = np.abs(changes)
        errors = sizes.std(axis=1, ddof=1) / np.sqrt(sizes.shape[1])
        return [
            ExpectedChange(
                size=float(sizes[row].mean()),
                size_error=float(errors[row]),
                mean=float(centre[row]),
                low=float(low[row]),
                high=float(high[row]),
                decision_changes=decided[row],
                n_similar=changes.shape[1],
            )
            for row in range(len(outputs))
        ]

    @cached_property
    def _ratios(self) -> tuple[float, float]:
        """Quantiles of the deviations of the donors' changes from those of their own similar donors, in spreads."""
        rows, column = np.arange(len(self.before)), self.columns(self.before)
        changes = self._changes(self.before, self._nearest(self.before, np.eye(len(rows), dtype=bool)), column)
        own = (self.after - self.before)[rows, column]
        ratios = (own - changes.mean(axis=1)) / self._spread(changes)
        # with n ratios, a new one is below the order statistic k with a probability of k / (n + 1)
        low, high = np.quantile(ratios, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], method="weibull").tolist()
        return low, high

    def _spread(self, changes: AnyArray) -> AnyArray:
        """Return the standard deviation of the changes of each sample; similar donors may have equal changes."""
        overall = float((self.after - self.before).std())
        spread: AnyArray = np.maximum(changes.std(axis=1, ddof=1), MIN_SPREAD * overall)
        return spread.clip(min=np.finfo(np.float64).tiny)

    def _nearest(self, outputs: AnyArray, same: BoolArray) -> IntArray:
        """Return the positions of the similar donors of each sample, (n_samples, n_similar).

        If no modality is observed, all donors are equally similar, and all of them are used. A sample is its own donor
        only as the last choice.
        """
        from scipy.spatial.distance import cdist

        distance = cdist(outputs, self.before, "sqeuclidean")
        distance[same] = np.inf
        n_donors = len(self.before) - int(same.any())
        n_similar = min(N_SIMILAR, n_donors // SHARE) if self.observed.any() else n_donors
        return np.argsort(distance, axis=1, kind="stable")[:, :n_similar]

    def _changes(self, outputs: AnyArray, near: IntArray, column: IntArray) -> AnyArray:
        """Return the possible changes of the explained output of each sample, (n_samples, n_similar)."""
        now = outputs[np.arange(len(outputs)), column][:, None]
        possible = now + (self.after - self.before)[near, column[:, None]]
        if not self.method.schema.target_kind.is_regression:
            possible = possible.clip(0.0, 1.0)
        changes: AnyArray = possible - now
        return changes

    def _decision_changes(self, outputs: AnyArray, near: IntArray, column: int) -> float | None:
        """Return the share of the possible predictions of one sample, (n_outputs,), with another class than now."""
        possible = outputs + (self.after - self.before)[near]
        if not self.method.schema.target_kind.is_regression:
            possible = possible.clip(0.0, 1.0)
        new, now = decisions(self.method, possible, column), decisions(self.method, outputs[None], column)
        return None if new is None else float((new != now).mean())
