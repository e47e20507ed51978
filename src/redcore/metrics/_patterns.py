"""Scores of a model per missing pattern."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from redcore._pattern_names import pattern_name
from redcore._progress import tracked
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target, require_single_target
from redcore.exceptions import TargetError
from redcore.metrics._details import Details, details_of
from redcore.metrics._risk_groups import RiskGroup, risk_groups
from redcore.metrics._samples import SamplePredictions
from redcore.metrics._scores import Decide, Scores, scores
from redcore.metrics._sentiment import mosi_scores, sims_scores
from redcore.metrics._table import load_score

__all__ = [
    "AS_OBSERVED",
    "Collect",
    "MoreScores",
    "PatternReport",
    "all_scores",
    "check_extra_scores",
    "evaluate_patterns",
    "missing_patterns",
    "pattern_name",
]

Pattern = tuple[str, ...]
MoreScores = Callable[[AnyArray, AnyArray], Scores] | Sequence[Any]
"""Function that maps true values and outputs to further scores, such as `mosi_scores`; or a sequence of scores.

The sequence has names of such functions, and plug-ins, see `load_score`.
"""

SETS = {"mosi_scores": mosi_scores, "sims_scores": sims_scores}
"""Functions that compute several scores of a continuous target."""

Collect = Callable[[str, IntArray, SamplePredictions | None], None]
"""Function that receives the name of a pattern, the rows of its samples, and their predictions."""

AS_OBSERVED = ""
"""Name under which `Collect` receives the predictions with each sample's own observed modalities."""

MIN_SAMPLES = 10
"""Number of samples below which the scores of a pattern are listed as unreliable."""

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
    problems : dict of str to str
        Patterns that have no scores or unreliable ones, with the reason: no sample or fewer than 10 samples observe the
        modalities of the pattern, or a class is absent from these samples.
    details : Details, optional
        Scores per class, confusion matrix and intervals of the predictions as observed.
    risk_groups : list of RiskGroup
        Observed survival by predicted risk, of the predictions as observed; empty for other targets than survival.
    parts : dict of str to PatternReport
        Reports of several targets by name, each of the samples with a value of the target. The scores of all reports
        are also scores of this one, with the names ``target.score``.
    weighted : dict of str to scores
        Scores by pattern name with inverse probability weights; see `weighted_scores`. Empty unless requested.
    """

    per_pattern: dict[str, Scores]
    pooled: Scores
    as_observed: Scores
    problems: dict[str, str] = field(default_factory=dict)
    details: Details | None = None
    risk_groups: list[RiskGroup] = field(default_factory=list)
    parts: dict[str, "PatternReport"] = field(default_factory=dict)

    @classmethod
    def of_parts(cls, reports: Mapping[str, "PatternReport"]) -> "PatternReport":
        """Combine the reports of several targets."""
        patterns = dict.fromkeys(pattern for report in reports.values() for pattern in report.per_pattern)
        return cls(
            {
                pattern: _joined({name: report.per_pattern.get(pattern, {}) for name, report in reports.items()})
                for pattern in patterns
            },
            _joined({name: report.pooled for name, report in reports.items()}),
            _joined({name: report.as_observed for name, report in reports.items()}),
            {
                f"{name}, {pattern}": problem
                for name, report in reports.items()
                for pattern, problem in report.problems.items()
            },
            parts=dict(reports),
        )

    weighted: dict[str, Scores] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-serialisable dicts."""
        problems = {"problems": self.problems} if self.problems else {}
        details = {} if self.details is None else {"details": self.details.to_dict()}
        scores = {"per_pattern": self.per_pattern, "pooled": self.pooled, "as_observed": self.as_observed}
        groups = {"risk_groups": [group.to_dict() for group in self.risk_groups]} if self.risk_groups else {}
        weighted = {"weighted": self.weighted} if self.weighted else {}
        parts = {"parts": {name: report.to_dict() for name, report in self.parts.items()}} if self.parts else {}
        return {**scores, **problems, **details, **groups, **weighted, **parts}


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
    collect: Collect | None = None,
    detailed: bool = False,
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
    more : callable or sequence, optional
        Further scores: a function of true values and outputs, such as `mosi_scores`, or a sequence of dotted names,
        functions and objects, see `load_score`.
    decide : callable, optional
        Function that maps probabilities (n_samples, n_classes) to predicted classes (n_samples,), such as
        `Method.decide`. Default: the most probable class.
    collect : callable, optional
        Function that is called with the predictions of every scored pattern, and with those of all samples as observed
        under the name `AS_OBSERVED`.
    detailed : bool, default False
        If True, the report has `details` or `risk_groups`. The bootstrap takes about a second for 10,000 samples.

    Returns
    -------
    PatternReport

    Raises
    ------
    TargetError
        If the data has no target.
    UnsupportedError
        If it has several targets; score each of them with `of_part` of the data and of the method.
    """
    if data.target is None:
        raise TargetError("labels are missing: the data has no target to score against")
    target = data.target
    require_single_target(target.kind, "evaluation by missing pattern")
    collect = collect or _ignore
    per_pattern: dict[str, Scores] = {}
    problems: dict[str, str] = {}
    outputs, rows_scored = [], []
    for pattern in tracked(missing_patterns(data.names, seed), "scoring missing patterns"):
        name, rows = pattern_name(pattern), _rows_observing(data, pattern)
        if (problem := _problem(target.take(rows))) is not None:
            problems[name] = problem
        if not rows.size:
            per_pattern[name] = {"n_samples": 0}
            continue
        output = predict(_only(data.take(rows), pattern))
        per_pattern[name] = {"n_samples": len(rows), **all_scores(target.take(rows), output, more, decide)}
        collect(name, rows, SamplePredictions.from_outputs(target.take(rows), output, decide))
        outputs.append(output)
        rows_scored.append(rows)
    pooled: Scores = {"n_samples": 0}
    if rows_scored:
        rows = np.concatenate(rows_scored)
        pooled = {"n_samples": len(rows), **all_scores(target.take(rows), np.concatenate(outputs), more, decide)}
    output = predict(data)
    as_observed: Scores = {"n_samples": data.n_samples, **all_scores(target, output, more, decide)}
    collect(AS_OBSERVED, np.arange(data.n_samples), SamplePredictions.from_outputs(target, output, decide))
    details = None
    if detailed:
        details = details_of(data, output, decide(output) if decide and target.is_classification else None, seed)
    groups = risk_groups(target, output) if detailed and target.kind.is_survival else []
    return PatternReport(per_pattern, pooled, as_observed, problems, details, groups)


def _joined(scores_of: Mapping[str, Scores]) -> Scores:
    """Return the scores of several targets with the names ``target.score``, and the largest number of samples."""
    sizes = [values["n_samples"] or 0 for values in scores_of.values() if "n_samples" in values]
    named = {f"{name}.{score}": value for name, values in scores_of.items() for score, value in values.items()}
    return {"n_samples": max(sizes, default=0), **named}


def _ignore(name: str, rows: IntArray, predictions: SamplePredictions | None) -> None:
    """Drop the predictions."""


def _problem(target: Target) -> str | None:
    """Return the reason why the scores of the samples with this target are undefined or unreliable, or None."""
    n_samples = len(target.values)
    if not n_samples:
        return "no test sample observes all of its modalities"
    if n_samples < MIN_SAMPLES:
        return f"only {n_samples} test sample{'s' if n_samples > 1 else ''}"
    if target.kind.is_survival:
        return _problem_of_times(target)
    if target.is_classification and target.classes is not None:
        absent = np.delete(target.classes, np.unique(target.values))
        if len(absent):
            others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            return f"class {absent[0]}{others} absent from its {n_samples} test samples"
    return None


def _problem_of_times(target: Target) -> str | None:
    """Return the reason why survival scores are undefined or unreliable, or None."""
    times, events = target.values.T
    grid, n_samples = target.time_grid, len(times)
    if not events.any():
        return f"no event among its {n_samples} test samples"
    if times[events == 1].min() > grid.horizon:
        return f"no event of its {n_samples} test samples up to the training time {grid.horizon:g} (same unit?)"
    if grid.n_bins > 1 and times.max() <= grid.borders[0]:
        return (
            f"all times of its {n_samples} test samples are below most training times ({grid.borders[0]:g}; same unit?)"
        )
    return None


def all_scores(
    target: Target, outputs: AnyArray, more: MoreScores | None = None, decide: Decide | None = None
) -> Scores:
    """Return the standard scores of this kind of target, and those of `more`."""
    values = scores(target, outputs, decide)
    if callable(more):
        return values | more(target.values, outputs)
    decided = decide(outputs) if decide is not None and target.is_classification else None
    for entry in more or ():
        if isinstance(entry, str) and entry in SETS:
            values |= SETS[entry](target.values, outputs)
        elif target.kind in (plug_in := load_score(entry)).score.kinds:
            values[plug_in.score.name] = plug_in.compute(target, outputs, decided)
    return values


def check_extra_scores(entries: Sequence[Any]) -> None:
    """Raise `UnknownNameError` or `PlugInError` if an entry of `MoreScores` is no score."""
    for entry in entries:
        if not (isinstance(entry, str) and entry in SETS):
            load_score(entry)


def _rows_observing(data: MultimodalData, pattern: Pattern) -> AnyArray:
    columns = [data.names.index(name) for name in pattern]
    return np.flatnonzero(data.availability[:, columns].all(axis=1))


def _only(data: MultimodalData, pattern: Pattern) -> MultimodalData:
    keep = np.array([name in pattern for name in data.names])
    return data.hide(np.broadcast_to(keep, (data.n_samples, len(keep))))
