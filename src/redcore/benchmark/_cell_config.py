"""What one cell of a benchmark is asked for: data, missing protocol, method, seed and fold; and the key of all that."""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from redcore._discovery import load, names
from redcore._settings import Settings
from redcore._validation import check_known

__all__ = ["Cell", "DataSpec", "Hiding", "MethodSpec", "ProtocolSpec"]

Rate = Annotated[float, Field(ge=0, le=1)]


class _Asked(Settings):
    """Part of what a cell is asked for, and so of its key.

    What was added after the first records were written enters the key only where it is used: what was asked for before
    keeps its key, and its record.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset()

    def identity(self) -> dict[str, Any]:
        """Return what the key follows from."""
        defaults = {name: type(self).model_fields[name].get_default(call_default_factory=True) for name in self.ADDED}
        values = {name: value for name, value in self if name not in defaults or value != defaults[name]}
        dumped = self.dump()
        return {name: v.identity() if isinstance(v, _Asked) else dumped[name] for name, v in values.items()}


class DataSpec(_Asked):
    """A data set of a benchmark.

    Attributes
    ----------
    name : str
        A bundled or public data set, or a file or store, relative to the data folder given to the runner.
    options : mapping
        Passed to the bundled data set, such as ``{n_modalities = 6}``. Of a public one ``root`` is the place of its
        files, relative to the data folder; default: its name.
    n_folds : int >= 2, optional
        Cross-validation instead of one test part: over the official folds of a public data set, else over folds drawn
        by the seed, of whole groups where there are groups, with as even shares of the classes as they allow.
    modalities : tuple of str
        The ones to use. Default: all.
    ignore : tuple of {"split", "groups"}
        What of the data is not used: its own split, its groups.
    metrics : {"mosi_scores", "sims_scores"}, optional
        Scores beyond those of every task; see `redcore.metrics`.
    label : str, optional
        What tables call it. Default: the name without its ending.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"n_folds", "modalities", "ignore", "metrics"})

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    n_folds: Annotated[int, Field(ge=2, le=10_000)] | None = None
    modalities: tuple[str, ...] = ()
    ignore: tuple[Literal["split", "groups"], ...] = ()
    metrics: Literal["mosi_scores", "sims_scores"] | None = None
    label: str = ""

    def folds(self) -> tuple[int | None, ...]:
        """Return the numbers of the folds, from 1; one None without cross-validation."""
        return (None,) if self.n_folds is None else tuple(range(1, self.n_folds + 1))

    def title(self) -> str:
        """Return what tables call it."""
        return self.label or Path(self.name).stem


class Hiding(_Asked):
    """A missing protocol for one part of the data, where it is another than that of the training part.

    Attributes
    ----------
    name, rates, order, options, at_least_one
        As of `ProtocolSpec`.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"at_least_one"})

    name: str
    rates: tuple[Rate, ...] = ()
    order: Annotated[int, Field(ge=0)] = 0
    options: dict[str, Any] = Field(default_factory=dict)
    at_least_one: bool = True

    def rates_of(self, modalities: tuple[str, ...]) -> dict[str, float]:
        """Return the rate of every modality."""
        return dict(zip(modalities, _shifted(self.rates or (0.0,), self.order, len(modalities)), strict=True))

    def check_options(self) -> None:
        """Raise `SettingsError` or `UnknownNameError` if the protocol does not take these options."""
        check_known("missing protocol", [self.name], names("redcore.missing"))
        load("redcore.missing", self.name, "missing protocol").Options.parse(self.options)


def _shifted(rates: tuple[float, ...], order: int, n: int) -> tuple[float, ...]:
    return tuple(rates[(place + order) % len(rates)] for place in range(n))


class ProtocolSpec(_Asked):
    """How modalities go missing.

    Attributes
    ----------
    name : str
        A missing protocol.
    rates : tuple of float
        By modality in sorted order, repeated as often as there are modalities; none for protocols without rates.
    order : int
        The rates are shifted by this many places.
    options : mapping
        Options of the protocol.
    at_least_one : bool, default True
        Whether every sample keeps a modality. If not, samples without any are left out of training by methods whose
        settings do not say otherwise, and predicted by the class frequencies.
    test_rates : tuple of float, optional
        Rates of the test part, for the score "as observed". Default: nothing is hidden there; every missing pattern is
        scored anyway.
    validation_rates : tuple of float, optional
        Rates of a validation part that the data set has of its own. Default: those of the training part.
    validation, test : Hiding, optional
        Other protocols for these parts, where other rates are not enough.
    label : str, optional
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"at_least_one", "validation_rates", "validation", "test"})

    name: str
    rates: tuple[Rate, ...] = ()
    order: Annotated[int, Field(ge=0)] = 0
    options: dict[str, Any] = Field(default_factory=dict)
    at_least_one: bool = True
    test_rates: tuple[Rate, ...] | None = None
    validation_rates: tuple[Rate, ...] | None = None
    validation: Hiding | None = None
    test: Hiding | None = None
    label: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        for part in ("validation", "test"):
            if getattr(self, part) is not None and getattr(self, f"{part}_rates") is not None:
                raise ValueError(f"{part} and {part}_rates say the same: give one of them")
        return self

    def title(self) -> str:
        """Return what tables call it."""
        rates = "/".join(f"{rate:g}" for rate in _shifted(self.rates, self.order, len(self.rates)))
        return self.label or f"{self.name} {rates}".strip()

    def hiding(self, part: str) -> Hiding:
        """Return what hides modalities in a part: ``"train"``, ``"validation"`` or ``"test"``."""
        own: Hiding | None = None if part == "train" else getattr(self, part)
        if own is not None:
            return own
        rates = self.rates if part == "train" else getattr(self, f"{part}_rates")
        if rates is None:
            rates = () if part == "test" else self.rates
        return Hiding(
            name=self.name, rates=rates, order=self.order, options=self.options, at_least_one=self.at_least_one
        )

    def check_options(self) -> None:
        """Raise `SettingsError` or `UnknownNameError` if a protocol does not exist or does not take these options."""
        for part in ("train", "validation", "test"):
            self.hiding(part).check_options()


class MethodSpec(_Asked):
    """A method of a benchmark.

    Attributes
    ----------
    name : str
    preset : str, optional
    settings : mapping
        Settings to change.
    n_seeds : int, optional
        Fewer seeds than the benchmark's, for slow methods.
    only : tuple of str
        Labels of the data sets that it is run on. Default: all.
    label : str, optional
        What tables call it.
    """

    name: str
    preset: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    n_seeds: Annotated[int, Field(ge=1)] | None = None
    only: tuple[str, ...] = ()
    label: str = ""

    def title(self) -> str:
        """Return what tables call it."""
        return self.label or (f"{self.name} ({self.preset})" if self.preset else self.name)


class Cell(_Asked):
    """One fit and its scores: everything that the result follows from.

    Attributes
    ----------
    data, protocol, method : DataSpec, ProtocolSpec, MethodSpec
    seed : int
        Of the split, the masks and the fit.
    test_fraction : float
    n_threads : int
    fold : int, optional
        From 1.
    log_gradients : bool, default False
        Whether the history has the gradient norm of every modality's encoder.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"fold", "log_gradients"})

    data: DataSpec
    protocol: ProtocolSpec
    method: MethodSpec
    seed: Annotated[int, Field(ge=0)]
    test_fraction: float
    n_threads: int
    fold: Annotated[int, Field(ge=1)] | None = None
    log_gradients: bool = False

    def key(self) -> str:
        """Return a name for files: readable, and different for different cells."""
        text = json.dumps(self.identity(), sort_keys=True)
        place = str(self.seed) if self.fold is None else f"{self.seed}-{self.fold}"
        readable = "-".join([self.data.title(), self.protocol.title(), self.method.title(), place])
        return f"{re.sub(r'[^A-Za-z0-9_.]+', '-', readable)[:100]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
