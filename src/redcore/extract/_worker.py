"""Task of a worker: features of one recording."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from redcore.exceptions import DataError, RedCoreError
from redcore.extract._cache import Cache
from redcore.extract._extractor import Extractor, Features
from redcore.extract._plan import ModalityPlan
from redcore.extract._source import Source

__all__ = ["Form", "Outcome", "Task", "Worker", "checked", "extractor_of"]

Form = tuple[int, int, tuple[str, ...] | None]
"""Number of dimensions, number of features, and names of the features that follow from the recording."""


@dataclass(frozen=True)
class Task:
    """One recording of one modality."""

    modality: str
    sample_id: str
    file: Path


@dataclass(frozen=True)
class Outcome:
    """Result of a task. The features are in the cache.

    Attributes
    ----------
    task : Task
    sha256 : str
        Checksum of the file; empty if it cannot be read.
    form : tuple or None
        Form of the features; None if the file is broken.
    error : str
        Reason for which the file is broken, or empty.
    was_cached : bool
    """

    task: Task
    sha256: str = ""
    form: Form | None = None
    error: str = ""
    was_cached: bool = False


@dataclass(frozen=True)
class Worker:
    """Callable that extracts the features of one recording to the cache. It can be pickled.

    Attributes
    ----------
    cache : Cache
    plans : tuple of (ModalityPlan, str)
        Plan of each modality, and its key in the cache.
    """

    cache: Cache
    plans: tuple[tuple[ModalityPlan, str], ...]

    def __call__(self, task: Task) -> Outcome:
        """Run a task. Any error of a decoder or extractor is an outcome; errors of settings and disks are raised."""
        plan, key = next((plan, key) for plan, key in self.plans if plan.name == task.modality)
        source = Source(task.file)
        digest = ""
        try:
            digest = source.sha256()
            features = self.cache.get(key, digest)
            was_cached = features is not None
            if features is None:
                features = checked(extractor_of(plan).extract(source))
                self.cache.put(key, digest, features)
        except DataError as error:
            return Outcome(task, digest, error=str(error))
        except RedCoreError:
            raise
        except Exception as error:
            return Outcome(task, digest, error=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        values = features.values
        return Outcome(task, digest, (values.ndim, values.shape[-1], features.names), was_cached=was_cached)

    @staticmethod
    def failed(task: Task, error: str) -> Outcome:
        """Return the outcome of a task whose process died."""
        return Outcome(task, error=error)


@lru_cache(maxsize=8)
def extractor_of(plan: ModalityPlan) -> Extractor:
    """Return the extractor of a modality, which a process makes once, since it can load a model."""
    return plan.make()


def checked(features: Features) -> Features:
    """Return features; raise `DataError` if they are empty or infinite."""
    values = features.values
    if values.ndim not in (1, 2) or not values.size:
        raise DataError(f"features of shape {values.shape}, expected (n_features,) or (n_steps, n_features)")
    if np.isinf(values).any():
        raise DataError(f"feature {int(np.argwhere(np.isinf(values))[0][-1]) + 1} is infinite")
    if np.isnan(values).all():
        raise DataError("no feature could be computed")
    return features
