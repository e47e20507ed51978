"""Scores of a cross-validation: means over the folds with intervals. Does not load torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from redcore._files import json_checksum, read_json
from redcore._statistics import resampling_variance
from redcore.exceptions import RunError
from redcore.metrics import HEADLINES, known_scores

__all__ = ["CrossValidation", "FoldMean", "fold_mean"]

FILE = "cross_validation.json"
LEVEL = 0.95
"""Coverage of the intervals."""


@dataclass(frozen=True)
class FoldMean:
    """Mean of a score over folds.

    Attributes
    ----------
    mean : float or None
        Mean over the folds in which the score is defined; None if there is no such fold.
    low, high : float or None
        95% interval; None with fewer than two such folds.
    n_folds : int
        Number of folds in which the score is defined.
    """

    mean: float | None
    low: float | None
    high: float | None
    n_folds: int


def fold_mean(values: Sequence[float | None], bounds: tuple[float, float] = (-np.inf, np.inf)) -> FoldMean:
    """Return the mean of the scores of the folds, with an interval within `bounds`. None is an undefined score.

    The training samples of any two of K folds overlap. The variance of the t interval is `resampling_variance` with the
    ratio 1/(K - 1) of test to training samples.

    Examples
    --------
    >>> result = fold_mean([0.5, 0.7, None, 0.6], (0.0, 1.0))
    >>> round(result.mean, 3), round(result.low, 3), round(result.high, 3), result.n_folds
    (0.6, 0.249, 0.951, 3)
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if len(known) < 2:
        return FoldMean(float(known[0]) if len(known) else None, None, None, len(known))
    from scipy.stats import t  # its import takes a second

    mean, variance = known.mean(), resampling_variance(known.tolist(), 1 / (len(values) - 1))
    half = t.ppf((1 + LEVEL) / 2, len(known) - 1) * np.sqrt(variance)
    low, high = np.clip([mean - half, mean + half], *bounds)
    return FoldMean(float(mean), float(low), float(high), len(known))


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Scores of the folds of a cross-validation.

    Attributes
    ----------
    n_folds : int
    folds : tuple of dict
        Results of the finished folds in their order: ``n_samples`` by split, ``fit_seconds``, and ``metrics`` of the
        held-out fold as in `redcore.metrics.PatternReport`.
    """

    n_folds: int
    folds: tuple[dict[str, Any], ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "CrossValidation | None":
        """Read the scores from a run folder; None if it has none.

        Raises
        ------
        RunError
            If the file is damaged.
        """
        path = folder / FILE
        if not path.exists():
            return None
        content = read_json(path)
        if content.pop("checksum", None) not in (None, json_checksum(content)):
            raise RunError(f"{path}: damaged (its checksum differs); remove it to fit the folds again")
        try:
            result = cls(int(content["n_folds"]), tuple(content["folds"]))
            cls(len(result.folds), result.folds).to_dict()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"{path}: damaged ({type(error).__name__}: {error})") from None
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``cross_validation.json``: folds and, if all are finished, means and classes.

        Before, it has a checksum, since the folds are not fitted again.
        """
        content: dict[str, Any] = {"n_folds": self.n_folds, "folds": list(self.folds)}
        if len(self.folds) < self.n_folds:
            return {**content, "checksum": json_checksum(content)}
        means = {
            row: {"n_samples": self.n_samples(row), **{name: vars(mean) for name, mean in self.means(row).items()}}
            for row in self.rows
        }
        return {**content, "means": means, "per_class": self.per_class, "confusion": self.confusion}

    @property
    def rows(self) -> list[str]:
        """Names of the missing patterns, followed by "pooled" and "as_observed"."""
        patterns = dict.fromkeys(name for fold in self.folds for name in fold["metrics"]["per_pattern"])
        return [*patterns, "pooled", "as_observed"]

    @property
    def score(self) -> str:
        """Name of the score that tables show by missing pattern: macro-F1, R2 or Uno's C."""
        return next(name for name in HEADLINES if name in self.folds[0]["metrics"]["as_observed"])

    def n_samples(self, row: str) -> int:
        """Return the number of scored samples of all folds."""
        return sum(scores["n_samples"] for scores in self._scores(row))

    def means(self, row: str) -> dict[str, FoldMean]:
        """Return the mean of each score over the folds, for a row of `rows`."""
        scores, known = self._scores(row), known_scores()
        names = dict.fromkeys(name for own in scores for name in own if name != "n_samples")
        return {
            name: fold_mean(
                [own.get(name) for own in scores],
                (known[name].low, known[name].high) if name in known else (-np.inf, np.inf),
            )
            for name in names
        }

    @property
    def confusion(self) -> list[list[int]]:
        """Number of samples of all folds by true class (rows) and predicted class (columns); empty for regression."""
        tables = [details["confusion"] for details in self._details()]
        return np.sum(tables, axis=0).astype(int).tolist() if tables else []

    @property
    def per_class(self) -> list[dict[str, Any]]:
        """Counts and scores of each class.

        ``n_samples`` are the numbers of samples in the folds. ``n_predicted``, ``n_correct``, ``precision``, ``recall``
        and ``f1`` are computed from the predictions of all folds; ``auroc`` and ``average_precision`` are means over
        the folds in which they are defined, since probabilities of different models are not ranked together.
        """
        details = self._details()
        if not details:
            return []
        table = np.array(self.confusion).reshape(len(details[0]["per_class"]), -1)
        rows = []
        for code, entries in enumerate(zip(*(own["per_class"] for own in details), strict=True)):
            hits, size, named = (int(count) for count in (table[code, code], table[code].sum(), table[:, code].sum()))
            rankings = {
                score: fold_mean([entry[score] for entry in entries]).mean for score in ("auroc", "average_precision")
            }
            rows.append(
                {
                    "class": entries[0]["class"],
                    "n_samples": [entry["n_samples"] for entry in entries],
                    "n_predicted": named,
                    "n_correct": hits,
                    "precision": hits / named if named else None,
                    "recall": hits / size if size else None,
                    "f1": 2 * hits / (size + named) if size else None,
                    **rankings,
                }
            )
        return rows

    def _scores(self, row: str) -> list[Mapping[str, Any]]:
        if row in ("pooled", "as_observed"):
            return [fold["metrics"][row] for fold in self.folds]
        return [fold["metrics"]["per_pattern"].get(row, {"n_samples": 0}) for fold in self.folds]

    def _details(self) -> list[dict[str, Any]]:
        """Return the details of all folds; empty for targets without classes."""
        details = [fold["metrics"].get("details") for fold in self.folds]
        return [own for own in details if own and own["per_class"]]
