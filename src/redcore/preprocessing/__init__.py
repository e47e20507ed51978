"""Feature preprocessing, fitted to the observed training rows, and summary statistics of sequences over time."""

from redcore.preprocessing._cells import Cells, CellTransform
from redcore.preprocessing._features import Preprocessing, Preprocessor, automatic, check_named
from redcore.preprocessing._time_summary import summarize, vectors_of

__all__ = [
    "CellTransform",
    "Cells",
    "Preprocessing",
    "Preprocessor",
    "automatic",
    "check_named",
    "summarize",
    "vectors_of",
]
