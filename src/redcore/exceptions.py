"""Exceptions and warnings of the package, with one base class each."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

__all__ = [
    "AlignmentWarning",
    "CalibrationWarning",
    "DataError",
    "DataWarning",
    "DivergenceError",
    "DriftWarning",
    "EmptySampleError",
    "EmptySampleWarning",
    "EncoderError",
    "ExportError",
    "HoldOutWarning",
    "JoinWarning",
    "MissingCellsWarning",
    "MissingExtraError",
    "MissingRateError",
    "ModelFileError",
    "NonFiniteError",
    "PlugInError",
    "PlugInWarning",
    "PrecisionWarning",
    "ProcessLostError",
    "RedCoreError",
    "RedCoreWarning",
    "RunError",
    "SchemaError",
    "SettingsError",
    "ShapeError",
    "TargetError",
    "TrainingInterrupted",
    "UndefinedScoreError",
    "UnknownNameError",
    "UnseenCategoryWarning",
    "UnseenModalityWarning",
    "UnsupportedError",
]


LISTED_NAMES = 50
"""Largest number of known names in the message of `UnknownNameError`."""

CLOSE, CLOSE_SHORT = 0.75, 0.6
"""Smallest similarity (`difflib`, from 0 to 1) of a suggested name, and of one for a name of at most four letters."""


class RedCoreError(Exception):
    """Base class of all errors that this package raises deliberately."""


class DataError(RedCoreError, ValueError):
    """The input data is invalid."""


class ShapeError(DataError):
    """An array has the wrong number of rows, dimensions or features."""


class NonFiniteError(DataError):
    """An observed value is NaN or infinite."""


class TargetError(DataError):
    """The target is missing, contains only one class, or is of the wrong kind."""


class SchemaError(DataError):
    """The data does not match the schema of the training data."""


class EmptySampleError(DataError):
    """Samples without any observed modality are not allowed here."""


class UndefinedScoreError(DataError):
    """A score is not defined on the samples, such as macro-F1 if all are of one class."""


class MissingRateError(RedCoreError, ValueError):
    """A missing rate is out of range, or no availability mask with these rates exists."""


class SettingsError(RedCoreError, ValueError):
    """A setting is invalid, for example of the wrong type or out of bounds."""


class DivergenceError(RedCoreError):
    """The training loss became NaN or infinite."""


class ModelFileError(RedCoreError, ValueError):
    """A model file does not exist, is truncated or modified, is not a model file, or has an unsupported version."""


class ExportError(RedCoreError):
    """A model cannot be exported, or the exported model does not reproduce its predictions."""


class RunError(RedCoreError, ValueError):
    """A run folder does not exist, is damaged, is in use, or belongs to a different request."""


class MissingExtraError(RunError, ImportError):
    """A package of an optional dependency is not installed."""


class TrainingInterrupted(RedCoreError):
    """Training was stopped on request. It can be resumed from its last checkpoint, if one was written.

    Parameters
    ----------
    step : int
        Number of completed optimiser steps.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"training was interrupted after step {step}")
        self.step = step

    def __reduce__(self) -> tuple[type["TrainingInterrupted"], tuple[int]]:
        return type(self), (self.step,)


class ProcessLostError(RedCoreError):
    """A process of a distributed fit was lost. The checkpoint can be resumed with any number of processes."""


class UnsupportedError(RedCoreError, NotImplementedError):
    """A method does not support the requested operation."""


class UnknownNameError(RedCoreError, ValueError):
    """A name is unknown. The message lists up to 50 known names and suggests the closest one.

    Parameters
    ----------
    kind : str
        Kind of object: ``"modality"``, ``"preset"``, ``"method"``, ...
    name : str
        The unknown name.
    known : iterable of str
        All known names.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, str(name), sorted(known)
        forms = {_plain(str(other)): other for other in self.known}
        close = get_close_matches(_plain(self.name), forms, n=1, cutoff=CLOSE if len(self.name) > 4 else CLOSE_SHORT)
        hint = f"; did you mean {forms[close[0]]!r}?" if close else ""
        listed = shortened(self.known, LISTED_NAMES, str) or "none"
        super().__init__(
            f"unknown {kind} {self.name!r}{hint} Known: {listed}"
            if close
            else f"unknown {kind} {self.name!r}; known: {listed}"
        )

    def __reduce__(self) -> tuple[type["UnknownNameError"], tuple[str, str, list[str]]]:
        return type(self), (self.kind, self.name, self.known)


def shortened(names: Iterable[Any], shown: int = 5, form: Callable[[Any], str] = repr) -> str:
    """Return the first names, and the number of the others, for a message.

    Examples
    --------
    >>> shortened(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    names = list(names)
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(form, names[:shown])) + rest


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


class PlugInError(RedCoreError, ValueError):
    """A plug-in cannot be imported, has the name of another one, or does not have the interface of its kind."""


class EncoderError(PlugInError):
    """An encoder cannot be imported or built, or does not fit its modality."""


class RedCoreWarning(UserWarning):
    """Base class of all warnings of this package."""


class AlignmentWarning(RedCoreWarning):
    """Labels of samples in different modalities differ only in form, such as "01" and "1"."""


class DataWarning(RedCoreWarning):
    """Data was read under an assumption that the message states, or is suspicious."""


class DriftWarning(RedCoreWarning):
    """New data differs from the training data."""


class EmptySampleWarning(RedCoreWarning):
    """Samples have no observed modality: they are dropped from training, or predicted with the prior."""


class CalibrationWarning(RedCoreWarning):
    """Too few calibration samples have a missing pattern: other samples replace them, or the interval is infinite."""


class HoldOutWarning(RedCoreWarning):
    """Samples cannot be held out, since a class occurs only in their group, or a split has no sample of a class."""


class JoinWarning(RedCoreWarning):
    """Ids of sources differ only in form and are not joined, or samples without a target are left out."""


class MissingCellsWarning(RedCoreWarning):
    """Single cells of an observed modality are missing and were filled."""


class PlugInWarning(RedCoreWarning):
    """An installed plug-in cannot be imported and is left out."""


class PrecisionWarning(RedCoreWarning):
    """The values of a column are stored with a type that does not distinguish them."""


class UnseenCategoryWarning(RedCoreWarning):
    """Samples have categories that the training data does not have."""


class UnseenModalityWarning(RedCoreWarning):
    """A modality was never observed in training, so the model cannot use it."""
