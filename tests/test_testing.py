"""The contracts of `redcore.testing` detect violations and name their clause."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from redcore import MultimodalData, Target
from redcore._settings import Settings
from redcore.balancing import BalancingRule
from redcore.data import TargetKind
from redcore.datasets import Card
from redcore.exceptions import UnknownNameError
from redcore.methods import TableMethod
from redcore.metrics import Score
from redcore.testing import (
    ContractError,
    check_dataset,
    check_encoder,
    check_format,
    check_method,
    check_protocol,
    check_rule,
    check_score,
)


class Collective(TableMethod):
    """Method whose predictions depend on all samples that are predicted together."""

    def _fit_table(self, table, target, groups, seed):
        values = np.eye(target.n_outputs)[target.values] if target.is_classification else target.values
        return {"mean": values.reshape(len(table), -1).mean(axis=0)}

    def _predict_table(self, table):
        share = 1 / (1 + np.abs(np.nansum(table)))
        constant = np.eye(self.schema.n_outputs)[0]
        return np.tile((1 - share) * self.table_arrays["mean"] + share * constant, (len(table), 1))


class Growing(BalancingRule):
    """Rule whose weights grow without bound."""

    def update(self, signals):
        self.supervision_weight.add_(1)
        return self.supervision_weight


class BatchMean(nn.Linear):
    """Encoder that subtracts the mean of the batch."""

    def __init__(self, n_features, n_steps, spec):
        super().__init__(n_features, spec.width)

    def forward(self, values, lengths=None):
        codes = super().forward(values if lengths is None else values[:, 0])
        return codes - codes.mean(dim=0)


def hide_all(demand, rng):
    """Protocol that hides everything."""
    return np.zeros((demand.n_samples, len(demand.names)), dtype=bool)


def same_for_all_seeds(demand, rng):
    """Protocol that ignores its random generator."""
    drawn = np.ones((demand.n_samples, len(demand.names)), dtype=bool)
    for column, count in enumerate(np.round(demand.rates * demand.n_samples).astype(int)):
        drawn[len(drawn) * column // 3 :, column][:count] = False
    return drawn


class WrongDirection:
    """Score that is lower for better predictions, and whose description states the opposite."""

    SCORE = Score("wrong", "wrong", kinds=(TargetKind.BINARY,))

    def compute(self, target, outputs, decided):
        return float(np.mean(outputs.argmax(axis=1) != target.values))


class NotANumber:
    """Score that is NaN."""

    SCORE = Score("nan", "nan", kinds=(TargetKind.REGRESSION,))

    def compute(self, target, outputs, decided):
        return float("nan")


class Careless:
    """Format that does not handle damaged files."""

    Options = Settings

    def recognises(self, path):
        return path.suffix == ".json"

    def read(self, path, options):
        content = json.loads(path.read_text())
        return MultimodalData.from_arrays(content, Target.from_labels([0, 1]), availability=[[1, 0], [1, 1]])


def write_careless(folder):
    path = folder / "sample.json"
    path.write_text(json.dumps({"a": [[1.0], [2.0]], "b": [[3.0], [4.0]]}))
    return path


def unlabelled():
    return MultimodalData.from_arrays({"a": np.ones((3, 1)), "b": np.ones((3, 1))})


UNLABELLED = SimpleNamespace(CARD=Card("t", "s", "CC0", "none", public=False), load=unlabelled)
NO_LICENCE = SimpleNamespace(CARD=Card("t", "s", "", "none", public=False), load=unlabelled)

VIOLATIONS = {
    "rule": (lambda: check_rule(Growing), "weights_are_finite_and_of_constant_norm"),
    "encoder": (lambda: check_encoder(BatchMean), "samples_are_independent"),
    "all hidden": (lambda: check_protocol(hide_all, rates={"a": 0.9, "b": 0.9, "c": 0.2}), "realised_rates"),
    "ignored seed": (
        lambda: check_protocol(same_for_all_seeds, rates={"b": 0.3, "c": 0.3}),
        "random_numbers_come_from_the_generator",
    ),
    "direction": (lambda: check_score(WrongDirection), "better_predictions_have_no_worse_value"),
    "NaN": (lambda: check_score(NotANumber), "value_is_a_number_in_its_range"),
    "format": (lambda: check_format(Careless(), write_careless), "error_names_truncated_empty_or_invalid_file"),
    "data set": (lambda: check_dataset(UNLABELLED), "loads_as_stated_by_its_card"),
    "card": (lambda: check_dataset(NO_LICENCE), "card_is_complete"),
}


@pytest.mark.parametrize(("check", "clause"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_violated_clause_is_named(check, clause):
    with pytest.raises(ContractError, match=f"violates '{clause}"):
        check()


def test_violated_clause_of_a_method():
    with pytest.raises(ContractError, match=r"'.*:Collective': violates 'order_of_samples_does_not_affect_predictions"):
        check_method(Collective)


def test_unknown_clauses_cannot_be_skipped():
    with pytest.raises(UnknownNameError, match="unknown clause 'no_such_clause'"):
        check_score("brier", skip=["no_such_clause"])
