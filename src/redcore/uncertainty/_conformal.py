"""Split-conformal calibration with separate scores for each missing pattern, and with support of groups."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import check_coverage
from redcore.data import MultimodalData, Target, require_single_target
from redcore.exceptions import CalibrationWarning, DataError, TargetError
from redcore.methods import Method
from redcore.metrics import missing_patterns, pattern_name

__all__ = ["Calibration"]

MAX_SAMPLES = 10_000
"""Maximum number of calibration samples. If there are more, a random subset is used."""


@dataclass(frozen=True, eq=False)
class PatternScores:
    """Nonconformity scores under one missing pattern.

    Attributes
    ----------
    values : array (n_scores, n_outputs)
        ``|y - prediction|`` in regression; ``1 - p(true class)``, with one column, in classification; see
        `survival_distances` for survival.
    owners : int array (n_scores,)
        Index of the group of each score. Without groups, each sample is a group.
    weights : array (n_scores,) or None
        Inverse probabilities of censoring in survival. None for equal weights.
    """

    values: AnyArray
    owners: IntArray
    weights: AnyArray | None = None

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.owners))

    def quantile(self, coverage: float) -> AnyArray:
        """Return the conformal quantile of the scores, (n_outputs,).

        The score of a new sample of a new group is at most this bound with probability `coverage` (hierarchical
        conformal prediction; Lee, Barber and Willett 2023). Each of the G groups has a mass of ``1 / (G + 1)``, divided
        equally among its scores, and infinity has the same mass. The bound is the smallest value with a cumulative
        mass of `coverage`. With one sample per group, it is the usual finite-sample quantile. It is infinite if there
        are too few groups. With weights, the masses are proportional to them, and G is the effective number of groups,
        ``(sum w)^2 / sum w^2`` with the sum w of the weights of a group.
        """
        _, owners, sizes = np.unique(self.owners, return_inverse=True, return_counts=True)
        masses, n_effective = 1 / sizes[owners], float(len(sizes))
        if self.weights is not None and len(sizes):
            masses = masses * self.weights
            of_groups = np.bincount(owners, masses)
            n_effective = float(of_groups.sum() ** 2 / (of_groups**2).sum())
            masses *= n_effective / masses.sum()
        # the tolerance prevents that a rounding error requires one more score
        required = coverage * (n_effective + 1) - 1e-9
        bounds = np.full(self.values.shape[1], np.inf)
        if n_effective < required:
            return bounds
        for column, values in enumerate(self.values.T):
            order = np.argsort(values, kind="stable")
            mass = np.cumsum(masses[order])
            index = min(int(np.searchsorted(mass, required)), len(order) - 1)
            bounds[column] = values[order[index]]
        return bounds


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration of prediction intervals (regression, survival) or sets (classification) per missing pattern.

    For each pattern, the scores are computed on all calibration samples that observe its modalities, with all other
    modalities hidden. The coverage for new samples with this pattern is exact if missingness does not depend on values.

    Attributes
    ----------
    names : tuple of str
        Modalities that the method uses.
    scores : dict of str to PatternScores
        Scores by pattern name; ``""`` is the pattern without any modality.
    """

    names: tuple[str, ...]
    scores: dict[str, PatternScores]

    @classmethod
    def fit(cls, method: Method, data: MultimodalData, seed: int = 0) -> "Calibration":
        """Compute the scores of a calibration set under all missing patterns.

        Parameters
        ----------
        method : Method
            Fitted method for classification, regression or survival.
        data : MultimodalData
            Calibration set with a target, not used in training. If it has groups, coverage holds for samples of new
            groups.
        seed : int
            Seed of the selection of at most 10,000 samples, and of patterns for more than 6 modalities. In this case, a
            random subset of the patterns is used in addition to those that occur in `data`.

        Raises
        ------
        TargetError
            If the target is multilabel.
        DataError
            If there are no samples.
        """
        require_single_target(method.schema.target_kind, "calibration")
        if method.schema.target_kind.is_multilabel:
            raise TargetError("calibration supports classification and regression, got a multilabel target")
        data = _subsample(method.schema.align(data), seed)
        data = data.select([name for name in method.active if name in data.names])
        owners = np.arange(data.n_samples)
        if data.groups is not None:
            owners = np.unique(data.groups, return_inverse=True)[1].ravel()
        scores = {"": _scores(method, data, (), owners)}
        for pattern in _patterns(data, seed):
            scores[pattern_name(pattern)] = _scores(method, data, pattern, owners)
        return cls(method.active, scores)

    def bound(self, pattern: tuple[str, ...], coverage: float) -> AnyArray:
        """Return the bound on the scores under one pattern, (n_outputs,) in regression, else (1,).

        If too few calibration samples observe the pattern, their scores are pooled with those of the most similar
        patterns, with a `CalibrationWarning`. Patterns with fewer modalities (and larger scores) come first.
        """
        check_coverage(coverage)
        needed = math.ceil(coverage / (1 - coverage) - 1e-9)
        name = pattern_name(sorted(pattern))
        own = self.scores.get(name)
        if own is not None and own.n_groups >= needed:
            return own.quantile(coverage)
        pooled, with_names = self._pooled(pattern, needed)
        n_own = 0 if own is None else own.n_groups
        bound = pooled.quantile(coverage)
        others = ", ".join(other for other in with_names if other != name)
        outcome = f"pooled with {others}" if np.isfinite(bound).all() else "the bound is infinite"
        warnings.warn(
            f"{n_own} calibration sample(s) (or groups) observe {name or 'no modality'}, expected at least {needed} "
            f"for a coverage of {coverage:g}: {outcome}",
            CalibrationWarning,
            stacklevel=2,
        )
        return bound

    def _pooled(self, pattern: tuple[str, ...], needed: int) -> tuple[PatternScores, list[str]]:
        """Return the scores of the most similar patterns that together have enough groups, and their names."""
        target = set(pattern)

        def distance(name: str) -> tuple[int, int]:
            other = set(pattern_modalities(name))
            return len(other - target), len(target - other)

        selected: list[str] = []
        for name in sorted((name for name in self.scores if name), key=distance):
            selected.append(name)
            pooled = _concatenated([self.scores[each] for each in selected])
            if pooled.n_groups >= needed:
                break
        return pooled, selected

    def bounds(self, data: MultimodalData, coverage: float) -> AnyArray:
        """Return the bound for every sample of `data`, (n_samples, n_outputs)."""
        names = [name for name in self.names if name in data.names]
        observed = data.select(names).availability if names else np.zeros((data.n_samples, 0), dtype=bool)
        patterns, inverse = np.unique(observed, axis=0, return_inverse=True)
        by_pattern = [self.bound(_observed(names, row), coverage) for row in patterns]
        return np.stack(by_pattern)[inverse.ravel()]

    @property
    def n_units(self) -> int:
        """Number of groups, or samples without groups, of the calibration set."""
        return self.scores[""].n_groups

    def covers(self, data: MultimodalData, outputs: AnyArray, coverage: float) -> BoolArray:
        """Return True for the true values inside the intervals or sets of predictions, bool (n_samples, n_outputs).

        Parameters
        ----------
        data : MultimodalData
            Samples with a target of the schema of the method.
        outputs : array (n_samples, n_outputs)
            Predictions for `data`.
        coverage : float
            In (0, 1).

        Raises
        ------
        TargetError
            If the target is a survival target.
        """
        assert data.target is not None
        if data.target.kind.is_survival:
            raise TargetError("a survival target has censored times, of which it is unknown if an interval covers them")
        return np.asarray(_distances(data.target, outputs) <= self.bounds(data, coverage))

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all scores as named arrays."""
        values = {f"values/{name}": one.values for name, one in self.scores.items()}
        weights = {f"weights/{name}": one.weights for name, one in self.scores.items() if one.weights is not None}
        return {**values, **weights, **{f"owners/{name}": one.owners for name, one in self.scores.items()}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...]) -> "Calibration":
        """Create a calibration from the arrays that `to_arrays` returned; `names` are the active modalities."""
        patterns = [name.removeprefix("values/") for name in arrays if name.startswith("values/")]
        parts = {n: (arrays[f"values/{n}"], arrays[f"owners/{n}"], arrays.get(f"weights/{n}")) for n in patterns}
        return cls(names, {name: PatternScores(*own) for name, own in parts.items()})


def _subsample(data: MultimodalData, seed: int) -> MultimodalData:
    if not data.n_samples:
        raise DataError("no samples to calibrate with")
    if data.n_samples <= MAX_SAMPLES:
        return data
    return data.take(np.sort(np.random.default_rng(seed).permutation(data.n_samples)[:MAX_SAMPLES]))


def _patterns(data: MultimodalData, seed: int) -> list[tuple[str, ...]]:
    """Return all missing patterns, or for many modalities a random subset and those that occur in `data`."""
    occurring = {_observed(list(data.names), row) for row in np.unique(data.availability, axis=0)} - {()}
    return sorted(occurring | set(missing_patterns(data.names, seed)))


def _observed(names: list[str], row: BoolArray) -> tuple[str, ...]:
    return tuple(name for name, observed in zip(names, row, strict=True) if observed)


def _scores(method: Method, data: MultimodalData, pattern: tuple[str, ...], owners: IntArray) -> PatternScores:
    """Return the scores of the samples that observe all of `pattern`, with all other modalities hidden."""
    keep = np.isin(data.names, pattern)
    rows = np.flatnonzero(data.availability[:, keep].all(axis=1))
    subset = data.take(rows)
    assert subset.target is not None
    if pattern and rows.size:
        outputs = method.predict(subset.hide(np.broadcast_to(keep, (len(rows), len(keep)))))
    else:
        outputs = np.tile(method.prior, (len(rows), 1))
    if subset.target.kind.is_survival:
        known, values, weights = survival_distances(subset.target, outputs)
        return PatternScores(values, owners[rows][known], weights)
    return PatternScores(_distances(subset.target, outputs), owners[rows])


def _distances(target: Target, outputs: AnyArray) -> AnyArray:
    if target.is_classification:
        return np.asarray(1 - outputs[np.arange(len(outputs)), target.values][:, None])
    return np.asarray(np.abs(target.values.reshape(outputs.shape) - outputs))


def survival_distances(target: Target, curves: AnyArray) -> tuple[IntArray, AnyArray, AnyArray]:
    """Return the samples whose time is known up to the horizon of the time grid, their scores and weights.

    The score of a time T is ``|F(T) - 1/2|`` with the predicted distribution function F of the sample (distributional
    conformal prediction; Chernozhukov, Wuethrich and Zhu 2021). A sample that is followed beyond the horizon has the
    smallest score for which its interval contains the horizon. Each sample is weighted by the inverse of the
    probability that its time is not censored (Farina, Tchetgen Tchetgen and Kuchibhotla 2025).

    Returns
    -------
    known : int array (n_known,)
    scores : array (n_known, 1)
    weights : array (n_known,)
    """
    grid, (times, events) = target.time_grid, target.values.T
    known = np.flatnonzero((events == 1) | (times > grid.horizon))
    until = np.minimum(times[known], grid.horizon)
    distribution = 1 - np.array(
        [grid.at(curves[[row]], np.array([time]))[0, 0] for row, time in zip(known, until, strict=True)]
    )
    is_later = times[known] > grid.horizon
    scores = np.where(is_later, (distribution - 0.5).clip(min=0), np.abs(distribution - 0.5))
    return known, scores[:, None], grid.censoring_weights(until)


def _concatenated(scores: list[PatternScores]) -> PatternScores:
    values = np.concatenate([one.values for one in scores])
    weights = [one.weights for one in scores if one.weights is not None]
    owners = np.concatenate([one.owners for one in scores])
    return PatternScores(values, owners, np.concatenate(weights) if weights else None)
