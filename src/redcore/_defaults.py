"""Defaults shared by the command line and the Python API. Imports nothing, to keep ``redcore --help`` fast."""

__all__ = ["COVERAGE", "METHOD", "PROTOCOL", "SEED", "TEST_FRACTION"]

COVERAGE = 0.9
"""Nominal coverage of intervals of predictions."""

METHOD = "stacked"
"""Stacking around the network of RedCore."""

PROTOCOL = "imbalanced"
SEED = 0
TEST_FRACTION = 0.2
