"""What a benchmark runs: a TOML file, checked to the last key, and the cells that follow from it."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from redcore._discovery import load, names
from redcore._settings import Settings
from redcore._validation import check_known
from redcore.exceptions import SettingsError, UnknownNameError

__all__ = ["Cell", "DataSpec", "Hiding", "MethodSpec", "Override", "ProtocolSpec", "Spec", "read_spec", "spec_names"]

Rate = Annotated[float, Field(ge=0, le=1)]
MAX_CELLS = 1_000_000


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


class Override(Settings):
    """Settings for some cells of a benchmark, on top of those of the method.

    Attributes
    ----------
    settings : mapping
    data, protocol, method : tuple of str
        Titles of the entries it holds for. Default: all.
    """

    settings: dict[str, Any]
    data: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    method: tuple[str, ...] = ()

    def holds_for(self, data: DataSpec, protocol: ProtocolSpec, method: MethodSpec) -> bool:
        """Return whether it holds for this combination."""
        entries = ((self.data, data), (self.protocol, protocol), (self.method, method))
        return all(not titles or entry.title() in titles for titles, entry in entries)


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


class Spec(Settings):
    """A benchmark.

    Attributes
    ----------
    title : str
        One line that says what question it answers.
    data : tuple of DataSpec
    protocol : tuple of ProtocolSpec
    method : tuple of MethodSpec
    override : tuple of Override
        Later ones win over earlier ones.
    n_seeds : int, default 1
    test_fraction : float, default 0.25
        Held out for the test, by group where there are groups, where the data has no test split of its own.
    n_threads : int, default 1
        Threads of each cell. Sums come out differently in the last bit with another number, so that it is part
        of what is asked; more cores are used by more processes.
    log_gradients : bool, default False
        Whether histories have the gradient norm of every modality's encoder.
    """

    title: str
    data: Annotated[tuple[DataSpec, ...], Field(min_length=1)]
    protocol: Annotated[tuple[ProtocolSpec, ...], Field(min_length=1)]
    method: Annotated[tuple[MethodSpec, ...], Field(min_length=1)]
    override: tuple[Override, ...] = ()
    n_seeds: Annotated[int, Field(ge=1)] = 1
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.25
    n_threads: Annotated[int, Field(ge=1, le=1024)] = 1
    log_gradients: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_known_names(self)
        for what in ("data", "protocol", "method"):
            titles = [entry.title() for entry in getattr(self, what)]
            twice = [title for title in titles if titles.count(title) > 1]
            if twice:
                raise ValueError(f"two entries of {what} are called {twice[0]!r}; give one a label")
        _check_titles(self)
        n_places = sum(len(data.folds()) for data in self.data) * len(self.protocol) * len(self.method)
        if n_places * self.n_seeds > MAX_CELLS:
            raise ValueError(f"more than {MAX_CELLS} cells")
        return self

    def cells(self) -> Iterator[Cell]:
        """Yield all cells, seeds outermost: a run that is stopped has whole seeds."""
        for seed in range(self.n_seeds):
            for data in self.data:
                for fold in data.folds():
                    for protocol in self.protocol:
                        for method in self.method:
                            wanted = not method.only or data.title() in method.only
                            if wanted and seed < (method.n_seeds or self.n_seeds):
                                yield self._cell(data, protocol, method, seed, fold)

    def shortened(self, n_seeds: int | None = None, settings: Mapping[str, Any] | None = None) -> Self:
        """Return a smaller benchmark: with at most so many seeds, and settings changed in every method that has them.

        Raises
        ------
        UnknownNameError
            If no method has a setting of that name.
        SettingsError
            If a value is none of its setting.
        """
        changes = dict(settings or {})
        most = self.n_seeds if n_seeds is None else min(n_seeds, self.n_seeds)
        if not changes:
            return self.model_copy(update={"n_seeds": most})
        known = {method.name: load("redcore.methods", method.name, "method").METHOD.Settings for method in self.method}
        check_known("setting", changes, {field for cls in known.values() for field in cls.model_fields})
        overrides = []
        for method in self.method:
            taken = {key: value for key, value in changes.items() if key in known[method.name].model_fields}
            # texts become what the setting is
            read = known[method.name].parse(taken).dump()
            overrides.append(Override(settings={key: read[key] for key in taken}, method=(method.title(),)))
        return self.model_copy(update={"n_seeds": most, "override": (*self.override, *overrides)})

    def _cell(self, data: DataSpec, protocol: ProtocolSpec, method: MethodSpec, seed: int, fold: int | None) -> Cell:
        changes: dict[str, Any] = {}
        for override in self.override:
            if override.holds_for(data, protocol, method):
                changes |= override.settings
        if changes:
            method = method.model_copy(update={"settings": {**method.settings, **changes}})
        return Cell(
            data=data,
            protocol=protocol,
            method=method,
            seed=seed,
            test_fraction=self.test_fraction,
            n_threads=self.n_threads,
            fold=fold,
            log_gradients=self.log_gradients,
        )


def _check_known_names(spec: Spec) -> None:
    """Raise ValueError on a method, protocol or option that does not exist."""
    try:
        check_known("method", [method.name for method in spec.method], names("redcore.methods"))
        for protocol in spec.protocol:
            protocol.check_options()
    except UnknownNameError as error:
        raise ValueError(str(error)) from None


def _check_titles(spec: Spec) -> None:
    """Raise ValueError where a method or an override is for an entry that there is not."""
    titles = {what: [entry.title() for entry in getattr(spec, what)] for what in ("data", "protocol", "method")}
    try:
        for method in spec.method:
            check_known(f"data set of method {method.title()!r}", method.only, titles["data"])
        for override in spec.override:
            for what, known in titles.items():
                check_known(f"{what} of an override", getattr(override, what), known)
    except UnknownNameError as error:
        raise ValueError(str(error)) from None


def spec_names() -> list[str]:
    """Return the names of the built-in benchmarks."""
    folder = resources.files("redcore.benchmark") / "specs"
    return sorted(path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml"))


def read_spec(source: str) -> Spec:
    """Read a built-in benchmark by its name, or a TOML file.

    Raises
    ------
    SettingsError, UnknownNameError
        If there is no such file, or it does not say what a benchmark is; the message names file and key.
    """
    if source in spec_names() and not Path(source).is_file():
        text = (resources.files("redcore.benchmark") / "specs" / f"{source}.toml").read_text(encoding="utf-8")
    elif Path(source).is_file():
        text = Path(source).read_text(encoding="utf-8", errors="replace")
    else:
        raise SettingsError(f"{source!r} is neither a file nor a built-in benchmark ({', '.join(spec_names())})")
    try:
        return Spec.checked(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, SettingsError, UnknownNameError) as error:
        raise SettingsError(f"{source}: {error}") from None
