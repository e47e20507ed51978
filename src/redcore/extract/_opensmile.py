"""Base class of the feature sets of openSMILE."""

import warnings
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore.exceptions import DataError
from redcore.extract._av import read_audio
from redcore.extract._extractor import Extractor, Features
from redcore.extract._source import Source

__all__ = ["OpenSmileExtractor"]

STEP_MS = 10


class OpenSmileOptions(Settings):
    """Options of a feature set of openSMILE.

    Attributes
    ----------
    level : {"functionals", "lld"}, default "functionals"
        "functionals": statistics over the recording, one vector. "lld": low-level descriptors, one vector per 10 ms.
    rate : int in [8000, 192000], default 16000
        Sampling rate in Hz to which recordings are converted. The features depend on it.
    """

    level: Literal["functionals", "lld"] = "functionals"
    rate: Annotated[int, Field(ge=8000, le=192_000)] = 16_000


class OpenSmileExtractor(Extractor):
    """Extractor of a feature set of openSMILE. Subclasses set `feature_set`."""

    media = ("audio",)
    packages = ("opensmile", "av")
    imports = ("av",)
    Options = OpenSmileOptions

    feature_set: ClassVar[str]
    """Name in ``opensmile.FeatureSet``."""

    @cached_property
    def _smile(self) -> Any:
        import opensmile

        levels = {"functionals": "Functionals", "lld": "LowLevelDescriptors"}
        return opensmile.Smile(
            feature_set=opensmile.FeatureSet[self.feature_set],
            feature_level=opensmile.FeatureLevel[levels[self.options.level]],
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of openSMILE."""
        return tuple(self._smile.feature_names)

    @property
    def sampling_rate(self) -> float:
        """Sampling rate in Hz to which recordings are converted."""
        return float(self.options.rate)

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        return "one vector per recording" if self.options.level == "functionals" else f"one vector per {STEP_MS} ms"

    def prepare(self) -> None:
        """Load the model."""
        super().prepare()
        _ = self._smile

    def extract(self, source: Source) -> Features:
        """Return the features of one recording."""
        samples = read_audio(source, self.options.rate)
        with warnings.catch_warnings():
            # the warning of a short recording is replaced by the error below
            warnings.simplefilter("ignore")
            values = self._smile(samples, self.options.rate)[0].T
        if np.isnan(values).all(axis=1).any():
            raise DataError(f"is too short for {self.feature_set}: {len(samples) / self.options.rate:.3f} s")
        return Features(values[0] if self.options.level == "functionals" else np.ascontiguousarray(values))
