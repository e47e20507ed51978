"""Errors and warnings: one root each, typed children that say what was got and what was expected."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "CalibrationWarning",
    "DataError",
    "DivergenceError",
    "EmptySampleError",
    "EmptySampleWarning",
    "ExportError",
    "MissingRateError",
    "ModelFileError",
    "NonFiniteError",
    "ProcessLostError",
    "RedCoreError",
    "RedCoreWarning",
    "RunError",
    "SchemaError",
    "SettingsError",
    "ShapeError",
    "TargetError",
    "TrainingInterrupted",
    "UnknownNameError",
    "UnseenModalityWarning",
    "UnsupportedError",
]


class RedCoreError(Exception):
    """Root of every error that this package raises on purpose."""


class DataError(RedCoreError, ValueError):
    """The data given cannot be used as it is."""


class ShapeError(DataError):
    """An array has the wrong number of rows, dimensions or features."""


class NonFiniteError(DataError):
    """An observed value is NaN or infinite."""


class TargetError(DataError):
    """The labels are missing, of one class only, or of the wrong kind."""


class SchemaError(DataError):
    """The data does not fit what the model was trained on."""


class EmptySampleError(DataError):
    """Samples observe no modality at all, where that was not allowed."""


class MissingRateError(RedCoreError, ValueError):
    """A missing rate is out of range, or no availability with these rates exists."""


class SettingsError(RedCoreError, ValueError):
    """A setting is unknown, of the wrong type, or out of its bounds."""


class DivergenceError(RedCoreError):
    """The training loss became NaN or infinite."""


class ModelFileError(RedCoreError, ValueError):
    """A model file is absent, truncated, changed, foreign or of another version."""


class ExportError(RedCoreError):
    """A model has no form in the other format, or one that does not predict the same."""


class RunError(RedCoreError, ValueError):
    """A run folder is absent, occupied, or belongs to another request."""


class TrainingInterrupted(RedCoreError):
    """Training was asked to stop; its last checkpoint, if it has one, resumes it.

    Parameters
    ----------
    step : int
        Number of optimiser steps that were done.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"training was interrupted after step {step}")
        self.step = step

    def __reduce__(self) -> tuple[type["TrainingInterrupted"], tuple[int]]:
        return type(self), (self.step,)


class ProcessLostError(RedCoreError):
    """A process that shared a fit is gone; the fit's checkpoint resumes on any number of processes."""


class UnsupportedError(RedCoreError, NotImplementedError):
    """A method does not offer what was asked of it."""


class UnknownNameError(RedCoreError, ValueError):
    """A name is not among the known ones.

    Parameters
    ----------
    kind : str
        What is named: ``"modality"``, ``"preset"``, ``"method"``, ...
    name : str
        The name that was got.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, str(name), sorted(known)
        close = get_close_matches(self.name, self.known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        listed = ", ".join(self.known) or "none"
        super().__init__(
            f"unknown {kind} {self.name!r}{hint} Known: {listed}"
            if close
            else f"unknown {kind} {self.name!r}; known: {listed}"
        )

    def __reduce__(self) -> tuple[type["UnknownNameError"], tuple[str, str, list[str]]]:
        return type(self), (self.kind, self.name, self.known)


class RedCoreWarning(UserWarning):
    """Root of every warning that this package gives."""


class EmptySampleWarning(RedCoreWarning):
    """Samples observe no modality: they are left out of training, or predicted by the prior."""


class CalibrationWarning(RedCoreWarning):
    """Too few calibration samples observe a missing pattern: others stand in for them, or the bound is infinite."""


class UnseenModalityWarning(RedCoreWarning):
    """A modality was never observed in training, so the model cannot use it."""
