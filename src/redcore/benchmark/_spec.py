"""What a benchmark runs: a TOML file, checked to the last key, and the cells that follow from it."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from redcore._discovery import load, names
from redcore._settings import Settings
from redcore.exceptions import SettingsError, UnknownNameError

__all__ = ["Cell", "DataSpec", "MethodSpec", "ProtocolSpec", "Spec", "read_spec", "spec_names"]

Rate = Annotated[float, Field(ge=0, le=1)]
MAX_CELLS = 1_000_000


class DataSpec(Settings):
    """A data set of a benchmark.

    Attributes
    ----------
    name : str
        A bundled data set, or a file or store, relative to the data folder given to the runner.
    options : mapping
        Passed to the bundled data set, such as ``{n_modalities = 6}``.
    label : str, optional
        What tables call it. Default: the name without its ending.
    """

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    label: str = ""

    def title(self) -> str:
        """Return what tables call it."""
        return self.label or Path(self.name).stem


class ProtocolSpec(Settings):
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
    test_rates : tuple of float, optional
        Rates of the test part, for the score "as observed". Default: nothing is hidden there; every missing pattern is
        scored anyway.
    label : str, optional
    """

    name: str
    rates: tuple[Rate, ...] = ()
    order: Annotated[int, Field(ge=0)] = 0
    options: dict[str, Any] = Field(default_factory=dict)
    test_rates: tuple[Rate, ...] | None = None
    label: str = ""

    def title(self) -> str:
        """Return what tables call it."""
        rates = "/".join(f"{rate:g}" for rate in self._shifted(self.rates, len(self.rates)))
        return self.label or f"{self.name} {rates}".strip()

    def check_options(self) -> None:
        """Raise `SettingsError` or `UnknownNameError` if the protocol does not take these options."""
        load("redcore.missing", self.name, "missing protocol").Options.parse(self.options)

    def rates_of(self, modalities: tuple[str, ...], part: str = "train") -> dict[str, float]:
        """Return the rate of every modality."""
        rates = (self.rates if part != "test" else self.test_rates) or (0.0,)
        return dict(zip(modalities, self._shifted(rates, len(modalities)), strict=True))

    def _shifted(self, rates: tuple[float, ...], n: int) -> tuple[float, ...]:
        return tuple(rates[(place + self.order) % len(rates)] for place in range(n))


class MethodSpec(Settings):
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


class Cell(Settings):
    """One fit and its scores: everything that the result follows from.

    Attributes
    ----------
    data, protocol, method : DataSpec, ProtocolSpec, MethodSpec
    seed : int
        Of the split, the masks and the fit.
    test_fraction : float
    n_threads : int
    """

    data: DataSpec
    protocol: ProtocolSpec
    method: MethodSpec
    seed: Annotated[int, Field(ge=0)]
    test_fraction: float
    n_threads: int

    def key(self) -> str:
        """Return a name for files: readable, and different for different cells."""
        text = json.dumps(self.dump(), sort_keys=True)
        readable = "-".join([self.data.title(), self.protocol.title(), self.method.title(), str(self.seed)])
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
    n_seeds : int, default 1
    test_fraction : float, default 0.25
        Held out for the test, by group where there are groups, where the data has no test split of its own.
    n_threads : int, default 1
        Threads of each cell. Sums come out differently in the last bit with another number, so that it is part
        of what is asked; more cores are used by more processes.
    """

    title: str
    data: Annotated[tuple[DataSpec, ...], Field(min_length=1)]
    protocol: Annotated[tuple[ProtocolSpec, ...], Field(min_length=1)]
    method: Annotated[tuple[MethodSpec, ...], Field(min_length=1)]
    n_seeds: Annotated[int, Field(ge=1)] = 1
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.25
    n_threads: Annotated[int, Field(ge=1, le=1024)] = 1

    @model_validator(mode="after")
    def _known(self) -> Self:
        for kind, package, entries in (
            ("method", "redcore.methods", self.method),
            ("missing protocol", "redcore.missing", self.protocol),
        ):
            for entry in entries:
                if entry.name not in names(package):
                    raise ValueError(str(UnknownNameError(kind, entry.name, names(package))))
        for protocol in self.protocol:
            protocol.check_options()
        for what in ("data", "protocol", "method"):
            titles = [entry.title() for entry in getattr(self, what)]
            twice = [title for title in titles if titles.count(title) > 1]
            if twice:
                raise ValueError(f"two entries of {what} are called {twice[0]!r}; give one a label")
        known = [data.title() for data in self.data]
        for method in self.method:
            for label in method.only:
                if label not in known:
                    raise ValueError(str(UnknownNameError(f"data set of method {method.title()!r}", label, known)))
        if len(self.data) * len(self.protocol) * len(self.method) * self.n_seeds > MAX_CELLS:
            raise ValueError(f"more than {MAX_CELLS} cells")
        return self

    def cells(self) -> Iterator[Cell]:
        """Yield all cells, seeds outermost: a run that is stopped has whole seeds."""
        for seed in range(self.n_seeds):
            for data in self.data:
                for protocol in self.protocol:
                    for method in self.method:
                        wanted = not method.only or data.title() in method.only
                        if wanted and seed < (method.n_seeds or self.n_seeds):
                            yield Cell(
                                data=data,
                                protocol=protocol,
                                method=method,
                                seed=seed,
                                test_fraction=self.test_fraction,
                                n_threads=self.n_threads,
                            )


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
