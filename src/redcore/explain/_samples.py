"""Explanations of the predictions of single samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from redcore._pattern_names import pattern_name
from redcore._progress import tracked
from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import check_known
from redcore.data import MultimodalData, require_single_target
from redcore.exceptions import SettingsError, UnsupportedError
from redcore.explain._expected_change import ExpectedChange, decisions, expected_changes
from redcore.explain._inputs import check_inputs
from redcore.explain._pattern_predictions import predict_patterns
from redcore.explain._shapley import all_teams, exact_values, random_orders, sampled_values
from redcore.methods import Method

__all__ = ["PatternPrediction", "SampleExplanation", "explain_samples"]

EXACT_UP_TO = 12
"""Largest number of observed modalities of a sample for which all of its missing patterns are predicted."""

TABLE_ROWS = 65_536
"""Approximate number of predictions that are in memory at the same time."""


@dataclass(frozen=True)
class PatternPrediction:
    """Prediction of a sample from some of its observed modalities.

    Attributes
    ----------
    observed : tuple of str
        Modalities that the prediction uses. Empty for the prior.
    value : float
        Explained output: a probability, or the prediction of a regression.
    predicted : object
        Predicted class; for multilabel targets, True if the label is predicted; None for regression.
    """

    observed: tuple[str, ...]
    value: float
    predicted: Any


@dataclass(frozen=True)
class SampleExplanation:
    """Explanation of the prediction of one sample.

    Attributes
    ----------
    sample_id : object
    output : str
        Explained output, such as ``probability of 'yes'``.
    prediction : float
        Explained output from all observed modalities.
    prior : float
        Explained output without any modality: the share of the class in the training data, or the mean target.
    predicted : object
        As in `PatternPrediction`.
    values : dict of str to float
        Shapley value of each observed modality. The values add up to ``prediction - prior``.
    errors : dict of str to float or None
        Standard errors of `values`; None if the values are exact.
    patterns : tuple of PatternPrediction
        Counterfactual predictions, those with the most modalities first: under all subsets of up to 12 observed
        modalities. With more, under none of them, each alone, all but one, and all.
    changes : dict of str to ExpectedChange or str
        Expected change by measuring each missing modality, or the reason why it is not estimated. Empty without
        reference samples.
    """

    sample_id: Any
    output: str
    prediction: float
    prior: float
    predicted: Any
    values: dict[str, float]
    errors: dict[str, float] | None
    patterns: tuple[PatternPrediction, ...]
    changes: dict[str, ExpectedChange | str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as a dict for JSON. Patterns have names such as ``audio+text``."""
        return {
            **vars(self),
            "patterns": [
                {"observed": list(one.observed), "value": one.value, "predicted": one.predicted}
                for one in self.patterns
            ],
            "changes": {
                name: {"not_estimated": change} if isinstance(change, str) else change.to_dict()
                for name, change in self.changes.items()
            },
        }

    def under(self, *observed: str) -> PatternPrediction:
        """Return the prediction from the modalities `observed`.

        Raises
        ------
        UnknownNameError
            If the prediction is not in `patterns`.
        """
        by_name = {pattern_name(one.observed): one for one in self.patterns}
        name = pattern_name(sorted(observed))
        check_known("missing pattern", [name], by_name)
        return by_name[name]


def explain_samples(
    method: Method,
    data: MultimodalData,
    reference: MultimodalData | None = None,
    *,
    output: Any = None,
    n_permutations: int = 200,
    seed: int = 0,
) -> list[SampleExplanation]:
    """Explain the prediction of each sample: contributions of modalities, counterfactuals, expected changes.

    The contribution of a modality is its Shapley value in the game ``v(S) = f(x_S)``, the prediction of the sample from
    the modalities S, for subsets S of its observed modalities. It is exact for up to 12 observed modalities.

    Parameters
    ----------
    method : Method
        Fitted method.
    data : MultimodalData
        Samples to explain. They need no target.
    reference : MultimodalData, optional
        Samples from which the expected changes by measuring missing modalities are estimated, preferably not seen in
        training; see `ExpectedChange`. Default: none are estimated.
    output : object, optional
        Class or label to explain, or the position of the output of a regression. Default: the predicted class of each
        sample; its most probable label; the first output.
    n_permutations : int, default 200
        Number of random orders of more than 12 observed modalities.
    seed : int

    Returns
    -------
    list of SampleExplanation
        In the order of the samples.

    Raises
    ------
    UnknownNameError, SettingsError
        If `output` is not a class, a label or the position of an output.
    UnsupportedError
        If the target is a survival time.

    Examples
    --------
    >>> from redcore import load_dataset, make_method
    >>> data = load_dataset("wine")
    >>> method = make_method("late_fusion").fit(data)
    >>> one, = explain_samples(method, data.take([0]))
    >>> abs(sum(one.values.values()) - (one.prediction - one.prior)) < 1e-9
    True
    """
    check_inputs(method, data, reference)
    chosen = _column(method, output)
    data = method.completed(data)
    reference = None if reference is None else method.completed(reference)
    explanations: dict[int, SampleExplanation] = {}
    for rows in tracked(list(_chunks(data.availability, n_permutations)), "explaining samples"):
        game = _Game(method, data.take(rows).loaded(), chosen, n_permutations, seed)
        explanations |= zip(rows.tolist(), game.explain(reference), strict=True)
    return [explanations[row] for row in range(data.n_samples)]


def _column(method: Method, output: Any) -> int | None:
    """Return the column of the output that the user chose; None for the predicted class of each sample."""
    schema = method.schema
    require_single_target(schema.target_kind, "an explanation of samples")
    if schema.target_kind.is_survival:
        raise UnsupportedError("single predictions of survival targets are not explained; expected classes or numbers")
    if schema.classes is None:
        if output is not None and (isinstance(output, str) or int(output) not in range(schema.n_outputs)):
            raise SettingsError(f"output: expected a position from 0 to {schema.n_outputs - 1}, got {output!r}")
        return int(output or 0)
    if output is None:
        return None
    names = [str(label) for label in schema.classes.tolist()]
    check_known("class", [str(output)], names)
    return names.index(str(output))


def _chunks(availability: BoolArray, n_permutations: int) -> Iterator[IntArray]:
    """Yield the rows of samples with the same missing pattern, in chunks whose predictions fit in memory."""
    patterns, inverse = np.unique(availability, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        n_observed = int(pattern.sum())
        n_predictions = 2**n_observed if n_observed <= EXACT_UP_TO else n_permutations * n_observed
        samples_at_once = max(1, TABLE_ROWS // n_predictions)
        rows = np.flatnonzero(inverse.ravel() == number)
        yield from (rows[start : start + samples_at_once] for start in range(0, len(rows), samples_at_once))


@dataclass(frozen=True, eq=False)
class _Game:
    """Predictions of samples with the same missing pattern as a game of their observed modalities."""

    method: Method
    data: MultimodalData
    chosen: int | None
    n_permutations: int
    seed: int

    def explain(self, reference: MultimodalData | None) -> list[SampleExplanation]:
        """Return the explanation of each sample."""
        teams, table, values, errors = self._solve()
        # patterns with the most modalities first, then in the order of the names
        order = np.lexsort((*~teams.T[::-1], -teams.sum(axis=1)))
        table = table[order]
        observed = [tuple(np.array(self.names)[team].tolist()) for team in teams[order]]
        columns = self._columns(table[0])
        changes: dict[str, list[ExpectedChange | str]] = {}
        if reference is not None:
            changes = expected_changes(self.method, reference, self.data, table[0], self._columns, self.seed)
        explanations = []
        for row, column in enumerate(columns.tolist()):
            patterns = self._patterns(observed, table[:, row], column)
            explanations.append(
                SampleExplanation(
                    sample_id=self.data.sample_ids[row].item(),
                    output=self._name(column),
                    prediction=patterns[0].value,
                    prior=patterns[-1].value,
                    predicted=patterns[0].predicted,
                    values=dict(zip(self.names, values[:, row, column].tolist(), strict=True)),
                    errors=None
                    if errors is None
                    else dict(zip(self.names, errors[:, row, column].tolist(), strict=True)),
                    patterns=patterns,
                    changes={name: changes_of[row] for name, changes_of in changes.items()},
                )
            )
        return explanations

    @cached_property
    def places(self) -> IntArray:
        """Positions of the observed modalities."""
        return np.flatnonzero(self.data.availability[0])

    @property
    def names(self) -> list[str]:
        """Observed modalities."""
        return [self.method.active[place] for place in self.places]

    def _solve(self) -> tuple[BoolArray, AnyArray, AnyArray, AnyArray | None]:
        """Return patterns, their predictions, and the Shapley values and standard errors of all outputs.

        The shapes are (n_patterns, n_observed), (n_patterns, n_samples, n_outputs) and twice
        (n_observed, n_samples, n_outputs).
        """
        n_observed = len(self.places)
        if n_observed <= EXACT_UP_TO:
            teams = all_teams(n_observed)
            table = self._predict(teams)
            return teams, table, exact_values(table), None
        orders = random_orders(n_observed, self.n_permutations, np.random.default_rng(self.seed))
        values, errors = sampled_values(self._predict, orders)
        alone, none = np.eye(n_observed, dtype=bool), np.zeros((1, n_observed), dtype=bool)
        teams = np.concatenate([none, alone, ~alone, ~none])
        return teams, self._predict(teams), values, errors

    def _predict(self, teams: BoolArray) -> AnyArray:
        patterns = np.zeros((len(teams), len(self.method.active)), dtype=bool)
        patterns[:, self.places] = teams
        return predict_patterns(self.method, self.data, patterns)

    def _columns(self, outputs: AnyArray) -> IntArray:
        """Return the explained column of each sample, (n_samples,)."""
        if self.chosen is not None:
            return np.full(len(outputs), self.chosen)
        return outputs.argmax(axis=1) if self.method.schema.target_kind.is_multilabel else self.method.decide(outputs)

    def _name(self, column: int) -> str:
        schema = self.method.schema
        if schema.classes is not None:
            return f"probability of {schema.classes.tolist()[column]!r}"
        return "prediction" if schema.n_outputs == 1 else f"prediction {column}"

    def _patterns(
        self, observed: Sequence[tuple[str, ...]], table: AnyArray, column: int
    ) -> tuple[PatternPrediction, ...]:
        """Return the predictions of one sample from its outputs under all patterns, (n_patterns, n_outputs)."""
        schema, decided = self.method.schema, decisions(self.method, table, column)
        if decided is None:
            predicted: list[Any] = [None] * len(table)
        else:
            predicted = decided.tolist()
            if schema.target_kind.is_classification:
                predicted = np.asarray(schema.classes)[decided].tolist()
        return tuple(map(PatternPrediction, observed, table[:, column].tolist(), predicted))
