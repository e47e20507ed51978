"""What each modality is worth to a fitted method, by any score."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import MultimodalData
from redcore.exceptions import DataError
from redcore.explain._shapley import Worth, shapley
from redcore.methods import Method
from redcore.metrics import headline, is_lower_better, scores

__all__ = ["ModalityValue", "modality_value"]

MIN_COMPLETE = 30
"""Complete samples from which all patterns are scored on the same ones."""


@dataclass(frozen=True)
class ModalityValue:
    """What the modalities add to a score.

    Attributes
    ----------
    metric : str
        A score that is better when lower counts with its sign changed: values are gains.
    worth : Worth
        Shapley values and interactions.
    without, with_all : float
        The score of the prior, and with all modalities.
    n_samples : int
        Samples that were scored; the fewest of any pattern where not all were scored on the same ones.
    complete_samples : bool
        Whether all patterns were scored on the same samples, which observe everything. If not, each pattern is scored
        on the samples that observe all of it.
    """

    metric: str
    worth: Worth
    without: float
    with_all: float
    n_samples: int
    complete_samples: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; pairs are named ``audio+text``."""
        worth, errors = self.worth, self.worth.interaction_errors
        return {
            "metric": self.metric,
            "values": worth.values,
            "standard_errors": worth.errors,
            "interactions": {"+".join(pair): value for pair, value in worth.interactions.items()},
            "interaction_errors": None if errors is None else {"+".join(p): value for p, value in errors.items()},
            "without": self.without,
            "with_all": self.with_all,
            "n_samples": self.n_samples,
            "complete_samples": self.complete_samples,
        }


def modality_value(
    method: Method,
    data: MultimodalData,
    metric: str | None = None,
    *,
    max_samples: int = 1000,
    n_permutations: int = 200,
    seed: int = 0,
) -> ModalityValue:
    """Share out the score of a method among its modalities (Shapley), over all missing patterns.

    Exact up to 10 modalities; beyond, orders of them are sampled and the values have standard errors.

    Parameters
    ----------
    method : Method
        Fitted.
    data : MultimodalData
        With a target; best samples that the method has not seen.
    metric : str, optional
        Of `redcore.metrics`: accuracy, uar, macro_f1, nll, r2, mae, ... Default: macro-F1, R2 for numbers.
    max_samples : int, default 1000
        More samples than this are not scored; they are drawn at random.
    n_permutations : int, default 200
        Where values are sampled.
    seed : int
    """
    data = method.completed(method.schema.align(data))
    rng = np.random.default_rng(seed)
    complete = np.flatnonzero(data.availability.all(axis=1))
    enough = len(complete) >= MIN_COMPLETE
    rows = rng.permutation(complete if enough else np.arange(data.n_samples))[:max_samples]
    scorer = _Scorer(method, data.take(np.sort(rows)).loaded(), metric or headline(method.schema.target_kind))
    worth = shapley(scorer, method.active, n_permutations, seed)
    without, with_all = scorer(frozenset()), scorer(frozenset(method.active))
    return ModalityValue(scorer.metric, worth, without, with_all, scorer.fewest, enough)


class _Scorer:
    """What a set of modalities is worth: the score when only these are there."""

    def __init__(self, method: Method, data: MultimodalData, metric: str) -> None:
        self.method, self.data, self.metric = method, data, metric
        self.fewest = data.n_samples

    def __call__(self, names: frozenset[str]) -> float:
        keep = np.isin(self.method.active, list(names))
        rows = np.flatnonzero(self.data.availability[:, keep].all(axis=1))
        if not rows.size:
            raise DataError(f"no sample observes {'+'.join(sorted(names))}: it cannot be scored")
        self.fewest = min(self.fewest, len(rows))
        part = self.data.take(rows)
        assert part.target is not None
        found = scores(part.target, self._outputs(part, keep), self.method.decide)
        check_known("metric", [self.metric], found)
        value = found[self.metric]
        if value is None:
            raise DataError(f"{self.metric} is not defined on {len(rows)} sample(s) that observe {sorted(names)}")
        return -value if is_lower_better(self.metric) else value

    def _outputs(self, part: MultimodalData, keep: AnyArray) -> AnyArray:
        if not keep.any():
            return np.tile(self.method.prior, (part.n_samples, 1))
        return self.method.predict(part.hide(np.broadcast_to(keep, (part.n_samples, len(keep)))))
