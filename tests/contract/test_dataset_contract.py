"""Contract of every data set: a complete card, and a loader of the kind that the card states."""

import pytest

from redcore._discovery import load, names
from redcore.datasets import is_public, load_dataset, load_public
from redcore.exceptions import DataError, UnknownNameError
from samples import write_dataset


@pytest.fixture(params=names("redcore.datasets"))
def name(request):
    return request.param


def test_card_is_complete(name):
    card = load("redcore.datasets", name, "data set").CARD
    assert all((card.title, card.source, card.licence, card.target))
    assert card.public == is_public(name)


def test_loads_as_stated_by_its_card(name, tmp_path):
    if is_public(name):
        data = load_public(name, write_dataset(name, tmp_path))
        with pytest.raises(DataError, match="not bundled"):
            load_dataset(name)
    else:
        data = load_dataset(name)
        with pytest.raises(DataError, match="is bundled, expected a public data set"):
            load_public(name, tmp_path)
    assert data.target is not None
    assert len(data.names) > 1


def test_unknown_names():
    assert not is_public("no_such_data")
    with pytest.raises(UnknownNameError, match="no_such_data"):
        load_dataset("no_such_data")
