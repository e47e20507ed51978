"""What a benchmark runs: a TOML file, checked to the last key, and the cells that follow from it."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from redcore._discovery import load, names
from redcore._settings import Settings
from redcore._validation import check_known
from redcore.benchmark._cell_config import Cell, DataSpec, MethodSpec, ProtocolSpec
from redcore.exceptions import SettingsError, UnknownNameError

__all__ = ["Override", "Spec", "read_spec", "spec_names"]

MAX_CELLS = 1_000_000


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
