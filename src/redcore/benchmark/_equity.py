"""Scores per missing pattern, and measures of the balance between modalities."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore.benchmark._aggregate import done, named_score
from redcore.benchmark._result import Result

__all__ = [
    "best_single_modality",
    "learning_balance",
    "modality_equity",
    "pattern_scores",
    "pattern_table",
    "single_modality_scores",
    "worst_pattern",
]


def pattern_scores(record: Result, score: str | None = None) -> dict[str, float]:
    """Return a score by missing pattern, without patterns in which it is undefined. See `named_score` for `score`."""
    patterns: Mapping[str, Mapping[str, float | None]] = record.metrics["per_pattern"]
    name = named_score(record, score)
    return {pattern: value for pattern, scores in patterns.items() if (value := scores.get(name)) is not None}


def pattern_table(records: Sequence[Result], score: str | None = None) -> dict[str, dict[str, dict[str, float]]]:
    """Return the mean scores over protocols, seeds and folds by data set, method and missing pattern."""
    values: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for record in done(records):
        for pattern, value in pattern_scores(record, score).items():
            values[record.data_title][record.method_title][pattern].append(value)
    return {
        data: {method: {p: float(np.mean(v)) for p, v in patterns.items()} for method, patterns in methods.items()}
        for data, methods in values.items()
    }


def worst_pattern(record: Result, score: str | None = None) -> tuple[str, float] | None:
    """Return the missing pattern with the lowest score and this score, or None if no pattern has a score."""
    scores = pattern_scores(record, score)
    return min(scores.items(), key=lambda pair: pair[1]) if scores else None


def single_modality_scores(record: Result, score: str | None = None) -> dict[str, float]:
    """Return the score under each missing pattern with a single observed modality, by modality."""
    scores = pattern_scores(record, score)
    return {pattern: value for pattern, value in scores.items() if len(pattern_modalities(pattern)) == 1}


def best_single_modality(records: Sequence[Result], score: str | None = None) -> dict[str, dict[str, float]]:
    """Return the best mean score of any method with each single modality, by data set and modality."""
    best: dict[str, dict[str, float]] = {}
    for data, methods in pattern_table(records, score).items():
        columns: dict[str, float] = {}
        for patterns in methods.values():
            for name, value in patterns.items():
                if len(pattern_modalities(name)) == 1:
                    columns[name] = max(value, columns.get(name, value))
        best[data] = columns
    return best


def modality_equity(
    record: Result, reference: Mapping[str, float] | None = None, score: str | None = None
) -> float | None:
    """Return the equity of the modalities in [0, 1]: the minimum over the mean of the single-modality scores.

    Let ``s_m`` be the score (at least 0) if only modality m is observed, and ``h_m = s_m / reference_m``. Then
    ``equity = min_m h_m / mean_m h_m``. The value is 1 if all modalities give the same relative score, and 0 if one
    modality gives a score of 0. Modalities are usually not equally informative. A reference such as
    `best_single_modality` removes this difference, so that the equity measures how evenly the method uses the
    information of the modalities.

    Parameters
    ----------
    record : Result
    reference : mapping of str to float, optional
        Reference score per modality. Modalities with a reference of 0 or less are ignored. Default: 1 for all.
    score : str, optional
        Name of a score for which higher is better. Default: the headline score.

    Returns
    -------
    float or None
        None with fewer than two modalities, or if all scores are 0.
    """
    single = single_modality_scores(record, score)
    if reference is not None:
        single = {name: v / reference[name] for name, v in single.items() if reference.get(name, 0.0) > 0}
    values = np.clip(list(single.values()), 0.0, None)
    if len(values) < 2 or values.mean() <= 0:
        return None
    return float(values.min() / values.mean())


def learning_balance(record: Result) -> float | None:
    """Return the balance of the encoders' gradient norms during training, in [0, 1].

    Let ``p_m`` be the gradient norm of the encoder of modality m divided by the sum over all M encoders. The balance of
    a step is the entropy of p divided by ``log M``. The result is the mean over all steps in the history. The value is
    1 if all gradient norms are equal in every step, and 0 if only one encoder has a gradient in every step.

    Returns
    -------
    float or None
        None if gradients were not logged (see ``log_gradients`` of `Spec`), or with fewer than two modalities.
    """
    norms = [column for name, column in record.history.items() if name.startswith("gradient_norm/")]
    if len(norms) < 2:
        return None
    table = np.array(norms, dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    if not table.size:
        return None
    shares = table / table.sum(axis=0)
    entropy = -np.where(shares > 0, shares * np.log(np.where(shares > 0, shares, 1.0)), 0.0).sum(axis=0)
    return float(entropy.mean() / np.log(len(norms)))
