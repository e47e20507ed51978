"""Expected change of a prediction if a missing modality were measured."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

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


@dataclass(frozen=True)
class ExpectedChange:
    """Expected change of the prediction of one sample if one missing modality A were measured.

    Let O be the observed modalities of the sample x, and ``f_S`` the prediction from the modalities S. Reference
    samples observe O and A. Those whose ``f_O`` is nearest to that of x (Euclidean distance over all outputs) are its
    similar samples: an eighth of the reference samples, at most 50. The differences ``f_(O and A) - f_O`` of the
    similar samples are the possible changes of x. A probability stays in [0, 1].

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
        Interval that is expected to contain the change with a probability of 90%.
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
    column: IntArray,
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
    column : int array (n_samples,)
        Explained output of each sample.
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
        near = _nearest(outputs, before, data.sample_ids[:, None] == donors.sample_ids, observed)
        changes[name] = [
            _change(method, outputs[row], before[near[row]], after[near[row]], int(column[row]))
            for row in range(data.n_samples)
        ]
    return changes


def decisions(method: Method, outputs: AnyArray, column: int) -> AnyArray | None:
    """Return the predicted classes of outputs (n, n_outputs) as codes; for a label (multilabel), True if predicted.

    The result is None for regression.
    """
    if method.schema.target_kind.is_regression:
        return None
    return outputs[:, column] >= 0.5 if method.schema.target_kind.is_multilabel else method.decide(outputs)


def _nearest(outputs: AnyArray, donors: AnyArray, same: BoolArray, observed: BoolArray) -> IntArray:
    """Return the positions of the similar donors of each sample, (n_samples, n_similar).

    Parameters
    ----------
    outputs : array (n_samples, n_outputs)
    donors : array (n_donors, n_outputs)
        Predictions of the donors from the observed modalities of the samples.
    same : bool array (n_samples, n_donors)
        True if sample and donor are the same; the donor is then the last choice.
    observed : bool array (n_modalities,)
        If no modality is observed, all donors are equally similar, and all of them are used.
    """
    distance = np.square(outputs[:, None, :] - donors[None]).sum(axis=2)
    distance[same] = np.inf
    n_donors = len(donors) - int(same.any())
    n_similar = min(N_SIMILAR, n_donors // SHARE) if observed.any() else n_donors
    return np.argsort(distance, axis=1, kind="stable")[:, :n_similar]


def _change(method: Method, outputs: AnyArray, before: AnyArray, after: AnyArray, column: int) -> ExpectedChange:
    """Return the expected change of one sample, (n_outputs,), from predictions of its similar samples."""
    possible = outputs + after - before
    if not method.schema.target_kind.is_regression:
        possible = possible.clip(0.0, 1.0)
    changes = possible[:, column] - outputs[column]
    new, now = decisions(method, possible, column), decisions(method, outputs[None], column)
    sizes = np.abs(changes)
    # with n changes, a new one is below the order statistic k with a probability of k / (n + 1)
    low, high = np.quantile(changes, [0.05, 0.95], method="weibull").tolist()
    return ExpectedChange(
        size=float(sizes.mean()),
        size_error=float(sizes.std(ddof=1) / np.sqrt(len(sizes))),
        mean=float(changes.mean()),
        low=low,
        high=high,
        decision_changes=None if new is None else float((new != now).mean()),
        n_similar=len(changes),
    )
