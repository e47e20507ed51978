"""Feature preprocessing, fitted on the observed training rows: scaling, and sequences summarised over time."""

from redcore.preprocessing._features import Preprocessing, Preprocessor, automatic, check_named
from redcore.preprocessing._time_summary import vectors_of

__all__ = ["Preprocessing", "Preprocessor", "automatic", "check_named", "vectors_of"]
