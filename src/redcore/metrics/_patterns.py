"""Scores of a model per missing pattern."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from redcore._pattern_names import pattern_name
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target
from redcore.exceptions import TargetError
from redcore.metrics._scores import Decide, Scores, scores

__all__ = ["MoreScores", "PatternReport", "all_scores", "evaluate_patterns", "missing_patterns", "pattern_name"]

Pattern = tuple[str, ...]
MoreScores = Callable[[AnyArray, AnyArray], Scores]
"""Function that maps true values and outputs to further scores, such as `mosi_scores`."""

EXHAUSTIVE_UP_TO = 6
"""Largest number of modalities for which all missing patterns are scored."""

SAMPLED_PATTERNS = 64
"""Number of missing patterns that are scored with more modalities."""


@dataclass(frozen=True)
class PatternReport:
    """Scores of one model on one data set.

    Attributes
    ----------
    per_pattern : dict of str to scores
        Scores by pattern name (``"audio+text"``). ``n_samples`` is the number of scored samples, i.e. of samples that
        observe all modalities of the pattern.
    pooled : scores
        Scores over the pooled predictions of all patterns.
    as_observed : scores
        Scores with each sample's own observed modalities.
    """

    per_pattern: dict[str, Scores]
    pooled: Scores
    as_observed: Scores

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-serialisable dicts."""
        return {"per_pattern": self.per_pattern, "pooled": self.pooled, "as_observed": self.as_observed}


def missing_patterns(names: Sequence[str], seed: int = 0) -> list[Pattern]:
    """Return the missing patterns to score, ordered by their number of observed modalities.

    All ``2**M - 1`` non-empty patterns of up to M = 6 modalities are returned. With more modalities, the patterns with
    one, M - 1 and M observed modalities are returned (``2 * M + 1``), and random other patterns up to a total of 64.

    Parameters
    ----------
    names : sequence of str
        Modality names.
    seed : int
        Seed of the random patterns.

    Returns
    -------
    list of tuple of str
        Sorted names of the observed modalities of each pattern.

    Examples
    --------
    >>> missing_patterns(["audio", "text"])
    [('audio',), ('text',), ('audio', 'text')]
    """
    names = sorted(names)
    if len(names) <= EXHAUSTIVE_UP_TO:
        return [pattern for size in range(1, len(names) + 1) for pattern in combinations(names, size)]
    chosen = {(name,) for name in names} | {tuple(n for n in names if n != left) for left in names} | {tuple(names)}
    rng = np.random.default_rng(seed)
    while len(chosen) < SAMPLED_PATTERNS:
        size = int(rng.integers(2, len(names) - 1))
        chosen.add(tuple(sorted(rng.choice(names, size=size, replace=False).tolist())))
    return sorted(chosen, key=lambda pattern: (len(pattern), pattern))


def evaluate_patterns(
    predict: Callable[[MultimodalData], AnyArray],
    data: MultimodalData,
    seed: int = 0,
    more: MoreScores | None = None,
    decide: Decide | None = None,
) -> PatternReport:
    """Score a model under every missing pattern.

    A pattern is scored on the samples that observe all of its modalities; their other modalities are hidden. Samples in
    which a modality of the pattern is missing are left out.

    Parameters
    ----------
    predict : callable
        Function that maps MultimodalData to an array (n_samples, n_outputs), such as `Method.predict`.
    data : MultimodalData
        Evaluation data with a target.
    seed : int
        Seed for the choice of patterns with more than 6 modalities; see `missing_patterns`.
    more : callable, optional
        Function that computes further scores from true values and outputs, such as `mosi_scores`.
    decide : callable, optional
        Function that maps probabilities (n_samples, n_classes) to predicted classes (n_samples,), such as
        `Method.decide`. Default: the most probable class.

    Returns
    -------
    PatternReport

    Raises
    ------
    TargetError
        If the data has no target.
    """
    if data.target is None:
        raise TargetError("labels are missing: the data has no target to score against")
    per_pattern: dict[str, Scores] = {}
    outputs, rows_scored = [], []
    for pattern in missing_patterns(data.names, seed):
        rows = _rows_observing(data, pattern)
        if not rows.size:
            per_pattern[pattern_name(pattern)] = {"n_samples": 0}
            continue
        output = predict(_only(data.take(rows), pattern))
        per_pattern[pattern_name(pattern)] = {
            "n_samples": len(rows),
            **all_scores(data.target.take(rows), output, more, decide),
        }
        outputs.append(output)
        rows_scored.append(rows)
    pooled: Scores = {"n_samples": 0}
    if rows_scored:
        rows = np.concatenate(rows_scored)
        pooled = {"n_samples": len(rows), **all_scores(data.target.take(rows), np.concatenate(outputs), more, decide)}
    as_observed: Scores = {"n_samples": data.n_samples, **all_scores(data.target, predict(data), more, decide)}
    return PatternReport(per_pattern, pooled, as_observed)


def all_scores(
    target: Target, outputs: AnyArray, more: MoreScores | None = None, decide: Decide | None = None
) -> Scores:
    """Return the standard scores of this kind of target, and those of `more`."""
    return scores(target, outputs, decide) | (more(target.values, outputs) if more else {})


def _rows_observing(data: MultimodalData, pattern: Pattern) -> AnyArray:
    columns = [data.names.index(name) for name in pattern]
    return np.flatnonzero(data.availability[:, columns].all(axis=1))


def _only(data: MultimodalData, pattern: Pattern) -> MultimodalData:
    keep = np.array([name in pattern for name in data.names])
    return data.hide(np.broadcast_to(keep, (data.n_samples, len(keep))))
