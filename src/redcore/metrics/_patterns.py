"""Scores per missing pattern: what a model is worth when only these modalities are there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData, Target
from redcore.exceptions import TargetError
from redcore.metrics._scores import Decide, Scores, scores

__all__ = ["MoreScores", "PatternReport", "all_scores", "evaluate_patterns", "missing_patterns", "pattern_name"]

Pattern = tuple[str, ...]
MoreScores = Callable[[AnyArray, AnyArray], Scores]
"""(true values, outputs) -> scores, such as `mosi_scores`."""

EXHAUSTIVE_UP_TO = 6
"""Up to this many modalities every pattern is scored, beyond it a sample of them."""

SAMPLED_PATTERNS = 64
"""How many patterns are scored where not all are."""


@dataclass(frozen=True)
class PatternReport:
    """Scores of one model on one data set.

    Attributes
    ----------
    per_pattern : dict of str to scores
        By pattern name (``"audio+text"``), with ``n_samples``: how many samples observe all of the pattern's modalities
        and so were scored with exactly these.
    pooled : scores
        Over the predictions of all patterns together.
    as_observed : scores
        With the data as it is.
    """

    per_pattern: dict[str, Scores]
    pooled: Scores
    as_observed: Scores

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain dicts, ready for JSON."""
        return {"per_pattern": self.per_pattern, "pooled": self.pooled, "as_observed": self.as_observed}


def pattern_name(pattern: Sequence[str]) -> str:
    """Return the name of a missing pattern: its observed modalities, joined by ``+``."""
    return "+".join(pattern)


def missing_patterns(names: Sequence[str], seed: int = 0) -> list[Pattern]:
    """List missing patterns, from single modalities to all of them.

    Parameters
    ----------
    names : sequence of str
        Modalities.
    seed : int
        For the sample of patterns that is drawn beyond 6 modalities: all single ones, all but one, all, and
        as many others as make 64 (or more where M is large).

    Returns
    -------
    list of tuple of str
        ``2**M - 1`` patterns for up to 6 modalities.

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

    A pattern is scored on the samples that observe all of its modalities, with all others hidden: a sample that really
    lacks one of them cannot show what the pattern is worth.

    Parameters
    ----------
    predict : callable
        MultimodalData -> array (n_samples, n_outputs), such as `Method.predict`.
    data : MultimodalData
        With a target.
    seed : int
        For the sample of patterns beyond 6 modalities.
    more : callable, optional
        Scores beyond those of every task, from true values and outputs, such as `mosi_scores`.
    decide : callable, optional
        Probabilities to the classes that are named, such as `Method.decide`. Default: the most probable.

    Raises
    ------
    TargetError
        If the data has no target.
    """
    if data.target is None:
        raise TargetError("labels are missing: nothing to score against")
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
    """Return the scores of every task of this kind, and those of `more`."""
    return scores(target, outputs, decide) | (more(target.values, outputs) if more else {})


def _rows_observing(data: MultimodalData, pattern: Pattern) -> AnyArray:
    columns = [data.names.index(name) for name in pattern]
    return np.flatnonzero(data.availability[:, columns].all(axis=1))


def _only(data: MultimodalData, pattern: Pattern) -> MultimodalData:
    keep = np.array([name in pattern for name in data.names])
    return data.hide(np.broadcast_to(keep, (data.n_samples, len(keep))))
