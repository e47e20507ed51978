"""Contract of the scores that are plug-ins."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.data import Target
from redcore.metrics import Score, load_score
from redcore.testing._contract import Contract, require
from redcore.testing._data import TARGETS, make_target

__all__ = ["SCORES", "ScoreSubject", "check_score"]

SCORES = Contract("score")
N = 60


@dataclass(frozen=True)
class ScoreSubject:
    """Score, given by its name, dotted name, function or object."""

    score: Any

    def __str__(self) -> str:
        return repr(self.description.name)

    @property
    def description(self) -> Score:
        """Description of the score."""
        return load_score(self.score).score

    def __call__(self, target: Target, outputs: AnyArray) -> float | None:
        decided = outputs.argmax(axis=1) if target.is_classification else None
        return load_score(self.score).compute(target, outputs, decided)


def check_score(score: Any, skip: Collection[str] = ()) -> None:
    """Check the contract of a score.

    Parameters
    ----------
    score : str, function or object
        See `redcore.metrics`.
    skip : collection of str
        Names of clauses to leave out, or their first words.

    Raises
    ------
    ContractError
        If the score violates a clause. The message names the first one.

    Examples
    --------
    >>> check_score("brier")
    """
    SCORES.check(ScoreSubject(score), skip)


def _predictions(target: Target, quality: float) -> AnyArray:
    """Return predictions between noise (quality 0) and the truth (quality 1)."""
    rng = np.random.default_rng(0)
    if target.is_classification:
        truth = np.eye(target.n_outputs)[target.values]
        outputs = quality * truth + (1 - quality) * rng.dirichlet(np.ones(target.n_outputs), len(truth))
        return np.asarray(outputs / outputs.sum(axis=1, keepdims=True))
    truth = target.values.reshape(len(target.values), -1).astype(np.float64)
    noise = rng.random(truth.shape) if target.kind.is_multilabel else rng.normal(size=truth.shape)
    return np.asarray(quality * truth + (1 - quality) * noise)


def _targets(subject: ScoreSubject) -> list[Target]:
    targets = [target for kind in TARGETS if (target := make_target(kind, N)).kind in subject.description.kinds]
    require(bool(targets), "the score has no kind of target that is tested")
    return targets


@SCORES.clause()
def description_is_complete(subject: ScoreSubject) -> None:
    """The description has a name, a label, at least one kind of target, and a range."""
    score = subject.description
    require(bool(score.name and score.label and score.kinds), f"expected name, label and kinds, got {score}")
    require(score.low < score.high, f"expected low < high, got {score.low} and {score.high}")


@SCORES.clause(quality=(0.0, 0.5, 1.0))
def value_is_a_number_in_its_range(subject: ScoreSubject, quality: float) -> None:
    """The value is a float in the range of the description, or None if it is undefined; never NaN."""
    score = subject.description
    for target in _targets(subject):
        value = subject(target, _predictions(target, quality))
        if value is not None:
            require(type(value) is float, f"{target.kind}: expected a float or None, got {type(value).__name__}")
            require(score.low <= value <= score.high, f"{target.kind}: {value} is not in [{score.low}, {score.high}]")


@SCORES.clause()
def better_predictions_have_no_worse_value(subject: ScoreSubject) -> None:
    """The true values have a score at least as good as noise, in the direction of the description."""
    sign = -1 if subject.description.lower_is_better else 1
    for target in _targets(subject):
        noise, truth = (subject(target, _predictions(target, quality)) for quality in (0.0, 1.0))
        if noise is not None and truth is not None:
            require(sign * truth >= sign * noise, f"{target.kind}: truth has {truth}, noise has {noise}")


@SCORES.clause()
def order_of_samples_has_no_effect(subject: ScoreSubject) -> None:
    """The order of the samples has no effect."""
    order = np.random.default_rng(1).permutation(N)
    for target in _targets(subject):
        outputs = _predictions(target, 0.5)
        one, other = subject(target, outputs), subject(target.take(order), outputs[order])
        require((one is None) == (other is None), f"{target.kind}: {one} becomes {other}")
        if one is not None and other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@SCORES.clause()
def one_sample_and_constant_predictions(subject: ScoreSubject) -> None:
    """A single sample, and equal predictions for all samples, have a value or None, not an error."""
    for target in _targets(subject):
        outputs = _predictions(target, 0.5)
        for value in (
            subject(target.take(np.array([0])), outputs[:1]),
            subject(target, np.repeat(outputs[:1], N, axis=0)),
        ):
            require(value is None or bool(np.isfinite(value)), f"{target.kind}: expected a number or None, got {value}")
