"""Defaults shared by the command line and the Python API. Imports nothing, to keep ``redcore --help`` fast."""

__all__ = ["METHOD", "PROTOCOL", "SEED", "TEST_FRACTION"]

METHOD = "redcore"
PROTOCOL = "imbalanced"
SEED = 0
TEST_FRACTION = 0.2
