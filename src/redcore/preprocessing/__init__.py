"""Feature preprocessing, fitted to the observed training rows, and summary statistics of sequences over time."""

from redcore.preprocessing._cells import Cells, CellTransform, RawTransform
from redcore.preprocessing._features import Preprocessing, Preprocessor, automatic, check_named
from redcore.preprocessing._text import TextEncoder, Texts
from redcore.preprocessing._time_summary import summarize, vectors_of
from redcore.preprocessing._transforms import Kind
from redcore.preprocessing._vectors import VectorPreprocessor

__all__ = [
    "CellTransform",
    "Cells",
    "Kind",
    "Preprocessing",
    "Preprocessor",
    "RawTransform",
    "TextEncoder",
    "Texts",
    "VectorPreprocessor",
    "automatic",
    "check_named",
    "summarize",
    "vectors_of",
]
