"""Features that float32 cannot represent, found for many columns at once and with missing cells."""

import numpy as np

from redcore.data._precision import collapsed, packed_dtype

N_COLUMNS = 600


def test_columns_with_and_without_missing_cells_are_compared_alike():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, N_COLUMNS))
    coarse = rng.random(N_COLUMNS) < 0.1
    values[:, coarse] = 1.7e12 + rng.integers(0, 1000, size=(200, coarse.sum()))
    assert collapsed(values).tolist() == coarse.tolist()
    values[::7, ::2] = np.nan
    assert collapsed(values).tolist() == coarse.tolist()
    assert packed_dtype(values) is np.float64
    assert packed_dtype(values[:, ~coarse]) is np.float32


def test_a_column_that_is_mostly_constant_is_compared_with_its_standard_deviation():
    values = np.full((200, 1), 0.1)
    values[:20] += 1e-9
    assert collapsed(values).all()
    values[:20] += 1
    assert not collapsed(values).any()
