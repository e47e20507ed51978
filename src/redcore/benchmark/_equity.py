"""Missing patterns one by one: the worst one, how even modalities are, and how evenly their branches learn."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from redcore.benchmark._aggregate import done
from redcore.benchmark._result import Result
from redcore.metrics import HEADLINES

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
    """Return a score (default: the headline) by missing pattern, without patterns in which it is not defined."""
    patterns: Mapping[str, Mapping[str, float | None]] = record.metrics["per_pattern"]
    for name in HEADLINES if score is None else (score,):
        found = {pattern: value for pattern, scores in patterns.items() if (value := scores.get(name)) is not None}
        if found:
            return found
    return {}


def pattern_table(records: Sequence[Result], score: str | None = None) -> dict[str, dict[str, dict[str, float]]]:
    """Return mean scores by data set, method and missing pattern, over protocols, seeds and folds."""
    values: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for record in done(records):
        for pattern, value in pattern_scores(record, score).items():
            values[record.data_title][record.method_title][pattern].append(value)
    return {
        data: {method: {p: float(np.mean(v)) for p, v in patterns.items()} for method, patterns in methods.items()}
        for data, methods in values.items()
    }


def worst_pattern(record: Result, score: str | None = None) -> tuple[str, float] | None:
    """Return the missing pattern with the lowest score, and that score; None if no pattern has one."""
    found = pattern_scores(record, score)
    return min(found.items(), key=lambda pair: pair[1]) if found else None


def single_modality_scores(record: Result, score: str | None = None) -> dict[str, float]:
    """Return the score of each modality alone."""
    found = pattern_scores(record, score)
    return {pattern: value for pattern, value in found.items() if "+" not in pattern}


def best_single_modality(records: Sequence[Result], score: str | None = None) -> dict[str, dict[str, float]]:
    """Return by data set the best mean score that any method reaches with each modality alone."""
    best: dict[str, dict[str, float]] = {}
    for data, methods in pattern_table(records, score).items():
        columns: dict[str, float] = {}
        for patterns in methods.values():
            for name, value in patterns.items():
                if "+" not in name:
                    columns[name] = max(value, columns.get(name, value))
        best[data] = columns
    return best


def modality_equity(
    record: Result, reference: Mapping[str, float] | None = None, score: str | None = None
) -> float | None:
    """Return how evenly the score holds with one modality alone, in [0, 1]: the lowest one over their mean.

    With ``s_m`` the score (floored at 0) when only modality m is there and ``h_m = s_m / reference_m``:
    ``equity = min_m h_m / mean_m h_m``. 1 means that every modality alone is worth the same, 0 that one of them is
    worth nothing. Modalities are not equally informative by nature; a reference such as `best_single_modality` of the
    data set takes that out: what remains is how evenly the method uses what each modality has.

    Parameters
    ----------
    record : Result
    reference : mapping of str to float, optional
        By modality; those at or below 0 are left out. Default: 1 for all.
    score : str, optional
        Higher is better. Default: the headline.

    Returns
    -------
    float or None
        None with fewer than two modalities, or if none is worth anything.
    """
    single = single_modality_scores(record, score)
    if reference is not None:
        single = {name: v / reference[name] for name, v in single.items() if reference.get(name, 0.0) > 0}
    values = np.clip(list(single.values()), 0.0, None)
    if len(values) < 2 or values.mean() <= 0:
        return None
    return float(values.min() / values.mean())


def learning_balance(record: Result) -> float | None:
    """Return how evenly the branches of the modalities learn, in [0, 1], from gradient norms over training.

    At each step kept in the history, with ``p_m`` the share of modality m's encoder in the sum of all encoders'
    gradient norms: the entropy of p over ``log M``; then the mean over steps. 1 means equal gradients throughout, 0
    that one branch has all of them at every step.

    Returns
    -------
    float or None
        None if gradients were not logged (``log_gradients`` of the benchmark), or with fewer than two modalities.
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
