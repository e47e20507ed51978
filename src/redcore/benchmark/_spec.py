"""Benchmark specification: a validated TOML file that defines a set of cells."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from redcore._discovery import check_name
from redcore._settings import Settings
from redcore._validation import check_known
from redcore.benchmark._cell_config import Cell, DataSpec, MethodSpec, ProtocolSpec, TuningSpec
from redcore.exceptions import PlugInError, SettingsError, UnknownNameError
from redcore.metrics import check_extra_scores

__all__ = ["Override", "Spec", "read_spec", "spec_names"]

MAX_CELLS = 1_000_000
AS_RECORDED = ProtocolSpec(name="shared", label="as recorded", rates=(0.0,))
"""Protocol of data whose modalities are really missing. It hides no modality."""


class Override(Settings):
    """Method settings for some cells of a benchmark, which override those of the method.

    Attributes
    ----------
    settings : mapping
        Settings to override.
    data, protocol, method : tuple of str
        Titles of the entries to which the override applies. Default: all.
    """

    settings: dict[str, Any]
    data: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    method: tuple[str, ...] = ()

    def holds_for(self, data: DataSpec, protocol: ProtocolSpec, method: MethodSpec) -> bool:
        """Return True if the override applies to this combination."""
        entries = ((self.data, data), (self.protocol, protocol), (self.method, method))
        return all(not titles or entry.title() in titles for titles, entry in entries)


class Spec(Settings):
    """Specification of a benchmark.

    Attributes
    ----------
    title : str
        Subject of the benchmark in one line.
    data : tuple of DataSpec
    protocol : tuple of ProtocolSpec
        Default: ``as recorded``, which hides no modality.
    method : tuple of MethodSpec
    override : tuple of Override
        A later override takes precedence over earlier ones.
    n_seeds : int, default 1
    test_fraction : float, default 0.25
        Fraction of samples in the test split, in (0, 1), if the data has none. Groups are never split.
    n_threads : int, default 1
        Number of threads per cell. It is part of the cell configuration because floating-point sums depend on it. To
        use more cores, run more cells in parallel.
    log_gradients : bool, default False
        If True, training histories contain the gradient norm of the encoder of each modality.
    keep_samples : bool, default True
        If True, predictions per test sample and missing pattern are written for each cell. Intervals then include the
        noise of test samples. It is not part of the cell configuration.
    tuning : TuningSpec, optional
        Budget of the methods with ``tuned = true``; see `MethodSpec`.
    """

    title: str
    data: Annotated[tuple[DataSpec, ...], Field(min_length=1)]
    protocol: Annotated[tuple[ProtocolSpec, ...], Field(min_length=1)] = (AS_RECORDED,)
    method: Annotated[tuple[MethodSpec, ...], Field(min_length=1)]
    override: tuple[Override, ...] = ()
    n_seeds: Annotated[int, Field(ge=1)] = 1
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.25
    n_threads: Annotated[int, Field(ge=1, le=1024)] = 1
    log_gradients: bool = False
    keep_samples: bool = True
    tuning: TuningSpec | None = None

    @field_validator("method")
    @classmethod
    def _both_variants(cls, methods: tuple[MethodSpec, ...]) -> tuple[MethodSpec, ...]:
        return tuple(variant for method in methods for variant in method.variants())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_known_names(self)
        for dimension in ("data", "protocol", "method"):
            titles = [entry.title() for entry in getattr(self, dimension)]
            duplicates = [title for title in titles if titles.count(title) > 1]
            if duplicates:
                raise ValueError(f"two entries of {dimension} have the title {duplicates[0]!r}; add a label to one")
        _check_titles(self)
        _check_tuning(self)
        n_combinations = sum(len(data.folds()) for data in self.data) * len(self.protocol) * len(self.method)
        if n_combinations * self.n_seeds > MAX_CELLS:
            raise ValueError(f"the benchmark has more than {MAX_CELLS} cells")
        return self

    def cells(self) -> Iterator[Cell]:
        """Yield all cells, ordered by seed first."""
        for seed in range(self.n_seeds):
            for data in self.data:
                for fold in data.folds():
                    for protocol in self.protocol:
                        for method in self.method:
                            included = not method.only or data.title() in method.only
                            if included and seed < (method.n_seeds or self.n_seeds):
                                yield self._cell(data, protocol, method, seed, fold)

    def shortened(self, n_seeds: int | None = None, settings: Mapping[str, Any] | None = None) -> Self:
        """Return a benchmark with fewer seeds and other settings.

        Parameters
        ----------
        n_seeds : int, optional
            Maximum number of seeds.
        settings : mapping, optional
            Settings to change in all methods that have them.

        Raises
        ------
        UnknownNameError
            If no method has a setting of this name.
        SettingsError
            If the value of a setting is invalid.
        """
        from redcore.methods import method_class  # imports torch, which reports do without

        changes = dict(settings or {})
        max_seeds = self.n_seeds if n_seeds is None else min(n_seeds, self.n_seeds)
        if not changes:
            return self.model_copy(update={"n_seeds": max_seeds})
        known = {method.name: method_class(method.name).Settings for method in self.method}
        check_known("setting", changes, {field for cls in known.values() for field in cls.model_fields})
        overrides = []
        for method in self.method:
            applicable = {key: value for key, value in changes.items() if key in known[method.name].model_fields}
            # convert strings to the types of the settings
            parsed = known[method.name].parse(applicable).dump()
            overrides.append(Override(settings={key: parsed[key] for key in applicable}, method=(method.title(),)))
        return self.model_copy(update={"n_seeds": max_seeds, "override": (*self.override, *overrides)})

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
            tuning=self.tuning if method.tuned else None,
        )


def _check_known_names(spec: Spec) -> None:
    """Raise ValueError if a method, protocol or option does not exist."""
    try:
        for method in spec.method:
            check_name("redcore.methods", method.name, "method")
        for data in spec.data:
            check_extra_scores(data.extra_scores())
        for protocol in spec.protocol:
            protocol.check_options()
    except (UnknownNameError, PlugInError) as error:
        raise ValueError(str(error)) from None


def _check_titles(spec: Spec) -> None:
    """Raise ValueError if a method or an override refers to an unknown title."""
    dimensions = ("data", "protocol", "method")
    titles = {dimension: [entry.title() for entry in getattr(spec, dimension)] for dimension in dimensions}
    try:
        for method in spec.method:
            check_known(f"data set of method {method.title()!r}", method.only, titles["data"])
        for override in spec.override:
            for dimension, known in titles.items():
                check_known(f"{dimension} of an override", getattr(override, dimension), known)
    except UnknownNameError as error:
        raise ValueError(str(error)) from None


def _check_tuning(spec: Spec) -> None:
    """Raise ValueError if there is a budget without tuned methods, or the reverse."""
    tuned = [method for method in spec.method if method.tuned]
    if tuned and spec.tuning is None:
        raise ValueError(f"method {tuned[0].title()!r} is tuned: expected a budget in [tuning]")
    if spec.tuning is not None and not tuned:
        raise ValueError("[tuning] is set: expected a method with tuned = true or tuned = 'both'")


def spec_names() -> list[str]:
    """Return the names of the built-in benchmarks."""
    folder = resources.files("redcore.benchmark") / "specs"
    return sorted(path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml"))


def read_spec(source: str) -> Spec:
    """Read a benchmark specification.

    Parameters
    ----------
    source : str
        Name of a built-in benchmark or path of a TOML file.

    Raises
    ------
    SettingsError
        If the file does not exist or is not a valid specification. The message names the file and the key.
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
