import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from redcore.data import average_ranks, random_split


@pytest.mark.parametrize("seed", range(20))
def test_random_splits_equal_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    strata = np.concatenate([rng.integers(0, 3, rng.integers(5, 200)), np.repeat(np.arange(3), 2)])
    n = len(strata)
    n_held = int(rng.integers(3, n - 3))
    for splitter, own in ((ShuffleSplit, None), (StratifiedShuffleSplit, strata)):
        expected = next(splitter(1, test_size=n_held, random_state=seed).split(np.zeros(n), strata))
        split = random_split(n - n_held, n_held, seed, own)
        assert [part.tolist() for part in split] == [part.tolist() for part in expected]


@pytest.mark.parametrize("shape", [(0, 2), (1,), (50,), (50, 3), (30, 2, 2)])
def test_average_ranks_equal_those_of_scipy(shape):
    values = np.random.default_rng(0).integers(0, 12, shape).astype(float)
    assert np.array_equal(average_ranks(values), rankdata(values, axis=0))
