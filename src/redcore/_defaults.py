"""Defaults shared by the command line and the Python API. Imports nothing, to keep ``redcore --help`` fast."""

__all__ = ["METHOD", "PROTOCOL", "SEED", "TEST_FRACTION"]

METHOD = "stacked"
"""Stacking around the network of RedCore."""

PROTOCOL = "imbalanced"
SEED = 0
TEST_FRACTION = 0.2
