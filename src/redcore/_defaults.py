"""Defaults that the command line and Python share; loads nothing, so that ``redcore --help`` is fast."""

__all__ = ["METHOD", "PROTOCOL", "SEED", "TEST_FRACTION"]

METHOD = "redcore"
PROTOCOL = "imbalanced"
SEED = 0
TEST_FRACTION = 0.2
