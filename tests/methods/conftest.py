import numpy as np
import pytest

from redcore.datasets import load_dataset
from redcore.missing import ampute


@pytest.fixture(scope="package")
def holed_digits():
    """Return training digits with holes, and the whole test part."""
    data = load_dataset("digits")
    rates = dict(zip(data.names, (0.2, 0.5, 0.8, 0.5), strict=True))
    return ampute(data.part("train"), "imbalanced", rates, np.random.default_rng(0)), data.part("test")
