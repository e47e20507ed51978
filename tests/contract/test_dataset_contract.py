"""Contract of every data set; see `redcore.testing`."""

from functools import partial

import pytest

from redcore._discovery import names
from redcore.datasets import is_public, load_dataset
from redcore.exceptions import UnknownNameError
from redcore.testing import DATASETS, DatasetSubject
from samples import write_dataset


@pytest.mark.parametrize("name", names("redcore.datasets"))
@pytest.mark.parametrize("clause", DATASETS.clauses)
def test_contract(name, clause):
    DATASETS.check_clause(clause, DatasetSubject(name, partial(write_dataset, name)))


def test_unknown_names():
    assert not is_public("no_such_data")
    with pytest.raises(UnknownNameError, match="no_such_data"):
        load_dataset("no_such_data")
