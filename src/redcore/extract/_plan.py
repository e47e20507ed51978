"""Plan of an extraction: the modalities, their media, extractors and options."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from redcore._discovery import load, provenance
from redcore._validation import check_known
from redcore.exceptions import PlugInError, RunError, SettingsError, UnknownNameError
from redcore.extract._extractor import Extractor
from redcore.extract._source import MEDIA

__all__ = ["EXTRACTORS", "ModalityPlan", "cache_key", "make_plans"]

EXTRACTORS = "redcore.extract.extractors"
"""Package with one extractor per module."""
NAMED = re.compile(r"(?P<name>[A-Za-z_][\w-]*)=(?P<extractor>.+)")
FORMAT = 1
"""Version of the computations of this package. A change makes cached features invalid."""


@dataclass(frozen=True)
class ModalityPlan:
    """Extractor of one modality.

    Attributes
    ----------
    name : str
        Modality.
    medium : str
        One of ``MEDIA``.
    extractor : str
        Name of the extractor, or dotted name of its class.
    options : dict
        All options of the extractor, as JSON-serialisable values.
    """

    name: str
    medium: str
    extractor: str
    options: dict[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.name, self.medium, self.extractor, json.dumps(self.options, sort_keys=True)))

    def make(self) -> Extractor:
        """Return the extractor.

        Raises
        ------
        UnknownNameError, SettingsError
            If the extractor or an option is unknown, or an option or the medium is invalid.
        PlugInError
            If a plug-in of another distribution cannot be imported, or is no extractor.
        RunError
            If a package is not installed.
        """
        cls = self._class()
        if self.medium not in cls.media:
            raise SettingsError(
                f"modality {self.name!r}: extractor {self.extractor!r} is for {', '.join(cls.media)}, got {self.medium}"
            )
        self._versions()
        try:
            return cls(self.medium, cls.Options.parse(self.options))
        except SettingsError as error:
            raise SettingsError(f"modality {self.name!r}: {error}") from None
        except UnknownNameError as error:
            raise UnknownNameError(f"option of {self.name!r}", error.name, error.known) from None

    def _class(self) -> type[Extractor]:
        plug_in = load(EXTRACTORS, self.extractor, "extractor")
        cls = getattr(plug_in, "EXTRACTOR", plug_in)
        if not (isinstance(cls, type) and issubclass(cls, Extractor)):
            raise PlugInError(
                f"extractor {self.extractor!r}: expected a subclass of redcore.extract.Extractor, got {cls!r}"
            )
        return cls

    def _versions(self) -> dict[str, str]:
        """Return the versions of the packages of the extractor, and of the distribution that defines it."""
        cls, plug_in = self._class(), provenance(EXTRACTORS, self.extractor)
        found = {plug_in["distribution"]: plug_in["version"]} if plug_in else {}
        for package in cls.packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                raise RunError(
                    f"extractor {self.extractor!r} needs the package {package}: pip install 'redcore[{cls.extra}]'"
                ) from None
        return found

    def description(self, extractor: Extractor) -> dict[str, Any]:
        """Return the provenance of the features, as JSON-serialisable values."""
        return {
            "medium": self.medium,
            "extractor": self.extractor,
            "options": extractor.options.dump(),
            "packages": self._versions(),
            "model_sha256": extractor.model_sha256,
            "sampling_rate": extractor.sampling_rate,
            "alignment": extractor.alignment,
        }


def cache_key(description: Mapping[str, Any]) -> str:
    """Return the checksum of everything but the recording that the result of an extractor depends on."""
    content = json.dumps({"format": FORMAT, **description}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def make_plans(
    features: Mapping[str, str | Sequence[str]], settings: Mapping[str, Mapping[str, Any]]
) -> list[ModalityPlan]:
    """Return the plans of all modalities, sorted by name.

    Parameters
    ----------
    features : mapping of str to str or sequence of str
        Extractors by medium; see `redcore.extract.extract`.
    settings : mapping of str to mapping
        Options by modality.

    Raises
    ------
    UnknownNameError, SettingsError, RunError
        See `ModalityPlan.make`; or if a medium is unknown, or two modalities have the same name.
    """
    check_known("medium", features, MEDIA)
    plans: dict[str, ModalityPlan] = {}
    for medium, texts in features.items():
        for text in [texts] if isinstance(texts, str) else texts:
            match = NAMED.fullmatch(text)
            name, extractor = (match["name"], match["extractor"]) if match else (medium, text)
            if name in plans:
                raise SettingsError(
                    f"two modalities have the name {name!r}; name one of them, such as 'second={extractor}'"
                )
            plans[name] = ModalityPlan(name, medium, extractor, dict(settings.get(name, {})))
    if not plans:
        raise SettingsError("no extractor given, expected at least one, such as audio: egemaps")
    check_known("modality", settings, plans)
    return [plans[name] for name in sorted(plans)]
