"""A short run of `input_fuzz.py`, which ``make fuzz`` runs with 20,000 examples."""

import pytest

from fuzz.input_fuzz import CHECKS, run


@pytest.mark.parametrize("name", CHECKS)
def test_every_form_of_x_gives_the_same_data_or_a_named_error(name):
    run(CHECKS[name], 60)
