import numpy as np
import pytest

from redcore.datasets import load_dataset
from redcore.missing import ampute


@pytest.fixture(scope="package")
def incomplete_digits():
    """Return the training split of digits with missing modalities, and the complete test split."""
    data = load_dataset("digits")
    rates = dict(zip(data.names, (0.2, 0.5, 0.8, 0.5), strict=True))
    return ampute(data.part("train"), "imbalanced", rates, np.random.default_rng(0)), data.part("test")
