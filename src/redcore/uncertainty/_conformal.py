"""Split-conformal calibration with one set of scores per missing pattern; whole groups count once."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import check_coverage
from redcore.data import MultimodalData, Target
from redcore.exceptions import CalibrationWarning, DataError, TargetError
from redcore.methods import Method
from redcore.metrics import missing_patterns, pattern_name

__all__ = ["Calibration"]

MAX_SAMPLES = 10_000
"""Most samples that are calibrated with, drawn at random: more change no quantile that anyone asks for."""


@dataclass(frozen=True, eq=False)
class PatternScores:
    """How far off predictions are under one missing pattern.

    Attributes
    ----------
    values : array (n_scores, n_outputs)
        ``|y - prediction|`` for numbers, ``1 - p(true class)`` in one column for classes.
    owners : int array (n_scores,)
        Number of the group each score belongs to; of the sample, where there are no groups.
    """

    values: AnyArray
    owners: IntArray

    @property
    def n_groups(self) -> int:
        """Number of different groups."""
        return len(np.unique(self.owners))

    def quantile(self, coverage: float) -> AnyArray:
        """Return the bound that the score of a new sample of a new group keeps with probability `coverage`.

        The scores of each of the G groups share a mass of ``1 / (G + 1)``, infinity has as much; the bound is the least
        value with a mass of `coverage` up to it (hierarchical conformal prediction; Lee, Barber and Willett 2023). With
        one sample per group that is the usual finite-sample quantile. (n_outputs,); infinite with too few groups.
        """
        _, owners, sizes = np.unique(self.owners, return_inverse=True, return_counts=True)
        # rounding must not ask for one score more
        wanted = coverage * (len(sizes) + 1) - 1e-9
        bounds = np.full(self.values.shape[1], np.inf)
        if len(sizes) < wanted:
            return bounds
        for column, values in enumerate(self.values.T):
            order = np.argsort(values, kind="stable")
            mass = np.cumsum(1 / sizes[owners[order]])
            place = min(int(np.searchsorted(mass, wanted)), len(order) - 1)
            bounds[column] = values[order[place]]
        return bounds


@dataclass(frozen=True, eq=False)
class Calibration:
    """What intervals (for numbers) or prediction sets (for classes) keep their coverage by, pattern by pattern.

    Under each pattern, the samples that observe all of its modalities are predicted with exactly these. Coverage is
    then exact for new samples under that pattern if what is missing does not depend on the values.

    Attributes
    ----------
    names : tuple of str
        The modalities that the method uses.
    scores : dict of str to PatternScores
        By pattern name; ``""`` is a sample without any modality.
    """

    names: tuple[str, ...]
    scores: dict[str, PatternScores]

    @classmethod
    def fit(cls, method: Method, data: MultimodalData, seed: int = 0) -> "Calibration":
        """Score `data`, which the method must not have seen, under every missing pattern.

        Parameters
        ----------
        method : Method
            Fitted, for classes or numbers.
        data : MultimodalData
            With a target. Where it has groups, coverage is for samples of new groups.
        seed : int
            For the patterns beyond 6 modalities, which are sampled beside those that occur, and for the samples beyond
            10,000.
        """
        if method.schema.target_kind.is_multilabel:
            raise TargetError("calibration is for classes and numbers, the target is multilabel")
        data = _drawn(method.schema.align(data), seed)
        data = data.select([name for name in method.active if name in data.names])
        owners = np.arange(data.n_samples)
        if data.groups is not None:
            owners = np.unique(data.groups, return_inverse=True)[1].ravel()
        scores = {"": _scores(method, data, (), owners)}
        for pattern in _patterns(data, seed):
            scores[pattern_name(pattern)] = _scores(method, data, pattern, owners)
        return cls(method.active, scores)

    def bound(self, pattern: tuple[str, ...], coverage: float) -> AnyArray:
        """Return the bound on the scores under one pattern, (n_outputs,) or (1,).

        Where too few calibration samples observe the pattern, their scores are pooled with those of the most similar
        patterns, fewer modalities first, as these are predicted less well; a `CalibrationWarning` says so.
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
            f"{n_own} calibration sample(s) (or groups) observe {name or 'nothing'}, {needed} are needed for a "
            f"coverage of {coverage:g}: {outcome}",
            CalibrationWarning,
            stacklevel=2,
        )
        return bound

    def _pooled(self, pattern: tuple[str, ...], needed: int) -> tuple[PatternScores, list[str]]:
        """Return the scores of the most similar patterns that together have enough groups, and their names."""
        wanted = set(pattern)

        def distance(name: str) -> tuple[int, int]:
            other = set(name.split("+")) if name else set()
            return len(other - wanted), len(wanted - other)

        taken: list[str] = []
        for name in sorted((name for name in self.scores if name), key=distance):
            taken.append(name)
            pooled = _concatenated([self.scores[each] for each in taken])
            if pooled.n_groups >= needed:
                break
        return pooled, taken

    def bounds(self, data: MultimodalData, coverage: float) -> AnyArray:
        """Return the bound for every sample of `data`, (n_samples, n_outputs)."""
        names = [name for name in self.names if name in data.names]
        observed = data.select(names).availability if names else np.zeros((data.n_samples, 0), dtype=bool)
        patterns, places = np.unique(observed, axis=0, return_inverse=True)
        by_pattern = [self.bound(_observed(names, row), coverage) for row in patterns]
        return np.stack(by_pattern)[places.ravel()]

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all numbers by name."""
        values = {f"values/{name}": one.values for name, one in self.scores.items()}
        return {**values, **{f"owners/{name}": one.owners for name, one in self.scores.items()}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...]) -> "Calibration":
        """Restore what `to_arrays` returned, for the active modalities `names`."""
        patterns = [name.removeprefix("values/") for name in arrays if name.startswith("values/")]
        return cls(names, {n: PatternScores(arrays[f"values/{n}"], arrays[f"owners/{n}"]) for n in patterns})


def _drawn(data: MultimodalData, seed: int) -> MultimodalData:
    if not data.n_samples:
        raise DataError("no samples to calibrate with")
    if data.n_samples <= MAX_SAMPLES:
        return data
    return data.take(np.sort(np.random.default_rng(seed).permutation(data.n_samples)[:MAX_SAMPLES]))


def _patterns(data: MultimodalData, seed: int) -> list[tuple[str, ...]]:
    """Return all missing patterns, or a sample of them with those that occur."""
    occurring = {_observed(list(data.names), row) for row in np.unique(data.availability, axis=0)} - {()}
    return sorted(occurring | set(missing_patterns(data.names, seed)))


def _observed(names: list[str], row: BoolArray) -> tuple[str, ...]:
    return tuple(name for name, there in zip(names, row, strict=True) if there)


def _scores(method: Method, data: MultimodalData, pattern: tuple[str, ...], owners: IntArray) -> PatternScores:
    """Score the samples that observe all of `pattern`, with all else hidden."""
    keep = np.isin(data.names, pattern)
    rows = np.flatnonzero(data.availability[:, keep].all(axis=1))
    part = data.take(rows)
    assert part.target is not None
    if pattern and rows.size:
        outputs = method.predict(part.hide(np.broadcast_to(keep, (len(rows), len(keep)))))
    else:
        outputs = np.tile(method.prior, (len(rows), 1))
    return PatternScores(_distances(part.target, outputs), owners[rows])


def _distances(target: Target, outputs: AnyArray) -> AnyArray:
    if target.is_classification:
        return np.asarray(1 - outputs[np.arange(len(outputs)), target.values][:, None])
    return np.asarray(np.abs(target.values.reshape(outputs.shape) - outputs))


def _concatenated(parts: list[Any]) -> PatternScores:
    values = np.concatenate([part.values for part in parts])
    return PatternScores(values, np.concatenate([part.owners for part in parts]))
