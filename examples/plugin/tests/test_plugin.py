"""The plug-ins fulfil their contracts under the names of their entry points, and work together in one fit."""

import pytest

from redcore import load_dataset
from redcore.methods import make_method
from redcore.metrics import evaluate_patterns
from redcore.testing import ENCODERS, METHODS, EncoderSubject, MethodSubject, check_rule, check_score


@pytest.mark.parametrize("clause", METHODS.clauses)
def test_method(clause):
    METHODS.check_clause(clause, MethodSubject("kernel_regression"))


@pytest.mark.parametrize("clause", ENCODERS.clauses)
def test_encoder(clause):
    ENCODERS.check_clause(clause, EncoderSubject("attention_pooling"))


def test_score():
    check_score("worst_recall")


def test_rule():
    check_rule("largest_loss")


def test_all_in_one_fit():
    data = load_dataset("wine")
    settings = {"encoder": "attention_pooling", "balancing": "largest_loss", "max_epochs": 3, "n_members": 1}
    method = make_method(settings=settings).fit(data)
    scores = evaluate_patterns(method.predict, data, decide=method.decide).as_observed
    worst, mean = scores["worst_recall"], scores["uar"]
    assert worst is not None
    assert mean is not None
    assert 0 <= worst <= mean
