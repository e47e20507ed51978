"""Base class of the extractors, and the features of one recording."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.extract._source import Source

__all__ = ["Extractor", "Features"]


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one recording.

    Attributes
    ----------
    values : array (n_features,) or (n_steps, n_features)
    names : tuple of str or None
        Names of the features, if they follow from the recording, such as from the channels of a sensor. Otherwise
        None; see `Extractor.feature_names`.
    """

    values: AnyArray
    names: tuple[str, ...] | None = None


class Extractor(ABC):
    """Base class of an extractor: a function from one recording to features.

    The features of a recording depend only on its content and on the options. An extractor with ``needs_fit = True``
    has a second step: `fit` computes arrays from the training recordings, and `finish` applies them.

    Parameters
    ----------
    medium : str
        One of `media`.
    options : Settings
        Instance of `Options`.

    Raises
    ------
    SettingsError
        If the options are inconsistent, or a model does not exist.
    """

    media: ClassVar[tuple[str, ...]]
    """Media that the extractor accepts: "audio", "image", "sensor", "text" or "video"."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Packages that compute the features, by the names of their distributions. Their versions are recorded."""
    imports: ClassVar[tuple[str, ...]] = ()
    """Modules that are imported inside the methods, since they take long to import."""
    extra: ClassVar[str] = "extract"
    """Extra of redcore that installs the packages."""
    Options: ClassVar[type[Settings]] = Settings
    needs_fit: ClassVar[bool] = False

    def __init__(self, medium: str, options: Any) -> None:
        self.medium, self.options = medium, options

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the features, if they are the same for all recordings."""
        return None

    @property
    def sampling_rate(self) -> float | None:
        """Sampling rate in Hz to which recordings are converted; None if the recordings are used as they are."""
        return None

    @property
    @abstractmethod
    def alignment(self) -> str:
        """Relation of the features to time, such as "one vector per recording"."""

    @property
    def model_sha256(self) -> str | None:
        """Checksum of the pretrained model."""
        return None

    def prepare(self) -> None:
        """Load packages and models that would otherwise be loaded with the first recording."""
        for module in self.imports:
            import_module(module)

    @abstractmethod
    def extract(self, source: Source) -> Features:
        """Return the features of one recording, or, if `needs_fit`, the input of `fit` and `finish`.

        All recordings have the same number of features; sequences may differ in length.

        Raises
        ------
        DataError
            If the recording is damaged or unsuitable. The message does not contain the name of the file.
        """

    def fit(self, items: Iterable[Features]) -> dict[str, AnyArray]:
        """Return the fitted arrays, from the results of `extract` of the training recordings."""
        raise NotImplementedError

    def finish(self, fitted: Mapping[str, AnyArray], item: Features) -> Features:
        """Return the features of one recording, from the fitted arrays and the result of `extract`."""
        return item

    def fitted_names(self, fitted: Mapping[str, AnyArray]) -> tuple[str, ...] | None:
        """Return the names of the features after `finish`."""
        return self.feature_names
