"""Contract of all methods; see `redcore.testing`."""

import pytest

from factories import ANY_DATA_METHODS, PRETRAINED_METHODS, SURVIVAL_METHODS, tiny_weights
from redcore.testing import METHODS, MethodSubject

STACKED = [f"stacked around {base}" for base in ("zero_fill", "mvtcae", "mmin")]
"""The method ``stacked`` around other networks than its default."""


@pytest.mark.parametrize("clause", METHODS.clauses)
@pytest.mark.parametrize("name", [*ANY_DATA_METHODS, *PRETRAINED_METHODS, *SURVIVAL_METHODS, *STACKED])
def test_contract(name, clause):
    if name == "stack" and clause == "validation_data_is_never_trained_on":
        pytest.skip("the weights of the stack are fitted to validation data; see tests/methods/test_stack.py")
    if name in SURVIVAL_METHODS:
        pytest.importorskip("sksurv")
    name, _, base = name.partition(" around ")
    settings = {"weights": str(tiny_weights(name))} if name in PRETRAINED_METHODS else {"base": base} if base else {}
    METHODS.check_clause(clause, MethodSubject(name, settings))
