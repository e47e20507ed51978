"""Contract tests for plug-ins: one function per kind, as `check_estimator` of scikit-learn.

Each function raises `ContractError`, an `AssertionError`, for the first violated clause. The message names the plug-in
and the clause. The contracts `METHODS`, `RULES`, ... list the clauses, to run each as a test::

    @pytest.mark.parametrize("clause", METHODS.clauses)
    def test_contract(clause):
        METHODS.check_clause(clause, MethodSubject(MyMethod))
"""

from redcore.testing._contract import Contract, ContractError
from redcore.testing._data import small_settings
from redcore.testing._datasets import DATASETS, DatasetSubject, check_dataset
from redcore.testing._encoders import ENCODERS, EncoderSubject, check_encoder
from redcore.testing._formats import FORMATS, FormatSubject, check_format
from redcore.testing._methods import METHODS, MethodSubject, check_method
from redcore.testing._protocols import PROTOCOLS, ProtocolSubject, check_protocol
from redcore.testing._rules import RULES, RuleSubject, check_rule
from redcore.testing._scores import SCORES, ScoreSubject, check_score

__all__ = [
    "DATASETS",
    "ENCODERS",
    "FORMATS",
    "METHODS",
    "PROTOCOLS",
    "RULES",
    "SCORES",
    "Contract",
    "ContractError",
    "DatasetSubject",
    "EncoderSubject",
    "FormatSubject",
    "MethodSubject",
    "ProtocolSubject",
    "RuleSubject",
    "ScoreSubject",
    "check_dataset",
    "check_encoder",
    "check_format",
    "check_method",
    "check_protocol",
    "check_rule",
    "check_score",
    "small_settings",
]
