"""Shapley values of modalities for a score of a fitted method."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._pattern_names import pattern_name
from redcore._progress import stage
from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import MultimodalData, Target
from redcore.exceptions import UndefinedScoreError
from redcore.explain._inputs import check_inputs
from redcore.explain._shapley import ShapleyValues, shapley
from redcore.methods import Method
from redcore.metrics import headline, is_lower_better, scores

__all__ = ["ModalityValue", "modality_value"]

MIN_COMPLETE = 30
"""Minimum number of complete samples to evaluate all patterns on the same samples."""


@dataclass(frozen=True)
class ModalityValue:
    """Contributions of the modalities to a score.

    Attributes
    ----------
    metric : str
        Name of the score. Scores for which lower is better are negated, so that all values are gains.
    shapley : ShapleyValues
        Shapley values and interactions of the modalities.
    without, with_all : float
        Score of the prior, and score with all modalities.
    n_samples : int
        Number of evaluated samples; the minimum over the patterns if they differ.
    complete_samples : bool
        True if all patterns were evaluated on the same samples, which observe all modalities. If False, each pattern
        was evaluated on the samples that observe all of its modalities.
    rarest : (str, int), optional
        Name and number of samples of the rarest class among the evaluated samples; None without classes.
    """

    metric: str
    shapley: ShapleyValues
    without: float
    with_all: float
    n_samples: int
    complete_samples: bool
    rarest: tuple[str, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all values as a dict for JSON. Pairs have keys such as ``audio+text``."""
        result, errors = self.shapley, self.shapley.interaction_errors
        return {
            "metric": self.metric,
            "values": result.values,
            "standard_errors": result.errors,
            "interactions": {pattern_name(pair): value for pair, value in result.interactions.items()},
            "interaction_errors": None if errors is None else {pattern_name(p): value for p, value in errors.items()},
            "without": self.without,
            "with_all": self.with_all,
            "n_samples": self.n_samples,
            "complete_samples": self.complete_samples,
            "rarest": self.rarest,
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
    """Return the Shapley values of the modalities for a score of a method, over all missing patterns.

    The values are exact for up to 10 modalities. For more, they are estimated from random permutations, with standard
    errors.

    Parameters
    ----------
    method : Method
        Fitted method.
    data : MultimodalData
        Samples with a target, preferably not seen in training.
    metric : str, optional
        Score of `redcore.metrics`: accuracy, uar, macro_f1, nll, r2, mae, ... Default: macro-F1, or R2 for regression.
    max_samples : int, default 1000
        Maximum number of evaluated samples. If there are more, a random subset is used.
    n_permutations : int, default 200
        Number of random permutations for more than 10 modalities.
    seed : int

    Raises
    ------
    UnknownNameError
        If the metric is unknown.
    UndefinedScoreError
        If no sample observes all modalities of a pattern, or if the metric is not defined on these samples. Each value
        depends on the scores under all patterns.
    """
    check_inputs(method, data)
    data = method.completed(method.schema.align(data))
    rng = np.random.default_rng(seed)
    complete = np.flatnonzero(data.availability.all(axis=1))
    use_complete = len(complete) >= MIN_COMPLETE
    rows = rng.permutation(complete if use_complete else np.arange(data.n_samples))[:max_samples]
    scorer = _Scorer(method, data.take(np.sort(rows)).loaded(), metric or headline(method.schema.target_kind))
    with stage("values of the modalities"):
        values = shapley(scorer, method.active, n_permutations, seed)
    without, with_all = scorer(frozenset()), scorer(frozenset(method.active))
    rarest = _rarest(scorer.data.target)
    return ModalityValue(scorer.metric, values, without, with_all, scorer.min_samples, use_complete, rarest)


class _Scorer:
    """Value function of a set of modalities: the score of a method if only these modalities are observed."""

    def __init__(self, method: Method, data: MultimodalData, metric: str) -> None:
        self.method, self.data, self.metric = method, data, metric
        self.min_samples = data.n_samples

    def __call__(self, names: frozenset[str]) -> float:
        keep = np.isin(self.method.active, list(names))
        rows = np.flatnonzero(self.data.availability[:, keep].all(axis=1))
        if not rows.size:
            raise UndefinedScoreError(
                f"no sample observes {pattern_name(sorted(names))}: this pattern cannot be evaluated"
            )
        self.min_samples = min(self.min_samples, len(rows))
        subset = self.data.take(rows)
        assert subset.target is not None
        all_scores = scores(subset.target, self._outputs(subset, keep), self.method.decide)
        check_known("metric", [self.metric], all_scores)
        value = all_scores[self.metric]
        if value is None:
            pattern = pattern_name(sorted(names)) or "any modality or none"
            raise UndefinedScoreError(
                f"{self.metric} is not defined on the {len(rows)} sample(s) that observe {pattern}"
                f"{_of_one_class(subset.target)}; evaluate more samples, or another metric, such as nll"
            )
        return -value if is_lower_better(self.metric) else value

    def _outputs(self, data: MultimodalData, keep: AnyArray) -> AnyArray:
        if not keep.any():
            return np.tile(self.method.prior, (data.n_samples, 1))
        return self.method.predict(data.hide(np.broadcast_to(keep, (data.n_samples, len(keep)))))


def _rarest(target: Target | None) -> tuple[str, int] | None:
    """Return the rarest class and its number of samples."""
    if target is None or not target.is_classification or target.classes is None:
        return None
    counts = np.bincount(target.values, minlength=len(target.classes))
    return str(target.classes[counts.argmin()]), int(counts.min())


def _of_one_class(target: Target) -> str:
    """Return the reason why averages over classes are undefined, for a message; empty if several classes occur."""
    occurring = np.unique(target.values)
    if not target.is_classification or target.classes is None or len(occurring) > 1:
        return ""
    return f", which are all of class {target.classes.tolist()[occurring[0]]!r}"
