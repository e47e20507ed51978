"""Cell configuration (data, missing protocol, method, seed and fold) and its cache key."""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from redcore._settings import NamedPlugIn, NamedPlugIns, Settings
from redcore.data import SPLITS
from redcore.missing import load_protocol

__all__ = ["Cell", "DataSpec", "MethodSpec", "ProtocolSpec", "SplitProtocol", "TuningSpec"]

Rate = Annotated[float, Field(ge=0, le=1)]


class _KeyedSettings(Settings):
    """Base class of settings that determine the key of a cell.

    A field in `ADDED` was introduced after the first records were written. It enters the key only if its value is not
    the default, so that the keys of older cells, and hence their records, remain valid.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset()

    def identity(self) -> dict[str, Any]:
        """Return the JSON-compatible values that determine the key."""
        defaults = {name: type(self).model_fields[name].get_default(call_default_factory=True) for name in self.ADDED}
        values = {name: value for name, value in self if name not in defaults or value != defaults[name]}
        dumped = self.dump()
        return {name: v.identity() if isinstance(v, _KeyedSettings) else dumped[name] for name, v in values.items()}


class DataSpec(_KeyedSettings):
    """Data set of a benchmark.

    Attributes
    ----------
    name : str
        Name of a bundled or public data set, or path of a file or store relative to the data folder of the runner.
    options : mapping
        Options of a bundled data set, such as ``{n_modalities = 6}``, or of the reader of a file, such as
        ``{target = "outcome", group = "site"}``. For a public data set, ``root`` is the folder of its files relative to
        the data folder. Default: the name of the data set.
    n_folds : int >= 2, optional
        Number of cross-validation folds that replace the single test split. A public data set uses its official folds.
        Other folds are drawn with the seed; they are stratified by class, and groups are never split.
    modalities : tuple of str
        Modalities to use. Default: all.
    ignore : tuple of {"split", "groups"}
        Parts of the data to ignore: its splits, its groups.
    metrics : {"mosi_scores", "sims_scores"}, or str or tuple of str, optional
        Additional scores; see `redcore.metrics`. Others than these two sets of scores are dotted names.
    outer_split : {"published", "repeated", "published_first"}, default "published"
        Test split of data that has one, per seed. Without a test split in the data, it is always drawn with the seed.

        - "published": the split of the data for all seeds
        - "repeated": a random split for each seed, with as many test and validation samples (or groups) as the split of
          the data. It is stratified by class, and groups are never split.
        - "published_first": the split of the data for seed 0, and random splits for the other seeds
    label : str, optional
        Name in tables. Default: the name without file extension.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"n_folds", "modalities", "ignore", "metrics", "outer_split"})

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    n_folds: Annotated[int, Field(ge=2, le=10_000)] | None = None
    modalities: tuple[str, ...] = ()
    ignore: tuple[Literal["split", "groups"], ...] = ()
    metrics: str | tuple[str, ...] | None = None
    outer_split: Literal["published", "repeated", "published_first"] = "published"
    label: str = ""

    @model_validator(mode="after")
    def _check_splits(self) -> Self:
        if self.outer_split != "published" and (self.n_folds is not None or "split" in self.ignore):
            other = "n_folds" if self.n_folds is not None else "ignore = ['split']"
            raise ValueError(
                f"outer_split = {self.outer_split!r} and {other} are mutually exclusive: expected one of them"
            )
        return self

    def extra_scores(self) -> tuple[str, ...]:
        """Return `metrics` as a tuple."""
        return (self.metrics,) if isinstance(self.metrics, str) else self.metrics or ()

    def draws_split(self, seed: int) -> bool:
        """Return True if the split of the data is replaced by a random one for this seed."""
        return self.outer_split == "repeated" or (self.outer_split == "published_first" and seed > 0)

    def folds(self) -> tuple[int | None, ...]:
        """Return the fold numbers, starting at 1, or ``(None,)`` without cross-validation."""
        return (None,) if self.n_folds is None else tuple(range(1, self.n_folds + 1))

    def title(self) -> str:
        """Return the name in tables."""
        return self.label or Path(self.name).stem


class SplitProtocol(_KeyedSettings):
    """Missing protocol of one split.

    Attributes
    ----------
    name, rates, order, options, at_least_one
        As in `ProtocolSpec`.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"at_least_one"})

    name: NamedPlugIn
    rates: tuple[Rate, ...] = ()
    order: Annotated[int, Field(ge=0)] = 0
    options: dict[str, Any] = Field(default_factory=dict)
    at_least_one: bool = True

    def rates_of(self, modalities: tuple[str, ...]) -> dict[str, float]:
        """Return the missing rate of every modality."""
        return dict(zip(modalities, _rotated(self.rates or (0.0,), self.order, len(modalities)), strict=True))

    def check_options(self) -> None:
        """Raise `SettingsError` or `UnknownNameError` if the protocol or one of its options is invalid."""
        load_protocol(self.name).Options.parse(self.options)


def _rotated(rates: tuple[float, ...], order: int, n: int) -> tuple[float, ...]:
    return tuple(rates[(position + order) % len(rates)] for position in range(n))


class ProtocolSpec(_KeyedSettings):
    """Missing protocol of a benchmark.

    Attributes
    ----------
    name : str, class or function
        Name or dotted name of the missing protocol. A class or function is stored by its dotted name.
    rates : tuple of float
        Missing rates of the modalities in alphabetical order, repeated cyclically for further modalities. Empty for
        protocols without rates.
    order : int
        Number of positions by which the rates are rotated over the modalities.
    options : mapping
        Options of the protocol.
    at_least_one : bool, default True
        If True, every sample keeps at least one modality. If False, samples without modalities are predicted by the
        prior (class frequencies), and most methods exclude them from training by default.
    test_rates : tuple of float, optional
        Missing rates of the test split, used only for the score "as observed". Default: no modality is removed. Every
        missing pattern is scored in any case.
    validation_rates : tuple of float, optional
        Missing rates of the validation split, if the data set has one. Default: `rates`.
    validation, test : SplitProtocol, optional
        Protocols of these splits, if they differ from the training split in more than the rates.
    label : str, optional
        Name in tables. Default: name and rates.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"at_least_one", "validation_rates", "validation", "test"})

    name: NamedPlugIn
    rates: tuple[Rate, ...] = ()
    order: Annotated[int, Field(ge=0)] = 0
    options: dict[str, Any] = Field(default_factory=dict)
    at_least_one: bool = True
    test_rates: tuple[Rate, ...] | None = None
    validation_rates: tuple[Rate, ...] | None = None
    validation: SplitProtocol | None = None
    test: SplitProtocol | None = None
    label: str = ""

    @model_validator(mode="after")
    def _check_exclusive(self) -> Self:
        for part in ("validation", "test"):
            if getattr(self, part) is not None and getattr(self, f"{part}_rates") is not None:
                raise ValueError(f"{part} and {part}_rates are mutually exclusive: expected one of them")
        return self

    def title(self) -> str:
        """Return the name in tables."""
        rates = "/".join(f"{rate:g}" for rate in _rotated(self.rates, self.order, len(self.rates)))
        return self.label or f"{self.name} {rates}".strip()

    def for_split(self, part: str) -> SplitProtocol:
        """Return the missing protocol of a split: ``"train"``, ``"validation"`` or ``"test"``."""
        split_protocol: SplitProtocol | None = None if part == "train" else getattr(self, part)
        if split_protocol is not None:
            return split_protocol
        rates = self.rates if part == "train" else getattr(self, f"{part}_rates")
        if rates is None:
            rates = () if part == "test" else self.rates
        return SplitProtocol(
            name=self.name, rates=rates, order=self.order, options=self.options, at_least_one=self.at_least_one
        )

    def check_options(self) -> None:
        """Raise `SettingsError` or `UnknownNameError` if the protocol of a split or one of its options is invalid."""
        for part in SPLITS:
            self.for_split(part).check_options()


class MethodSpec(_KeyedSettings):
    """Method of a benchmark.

    Attributes
    ----------
    name : str or class
        Name or dotted name of the method. A class is stored by its dotted name.
    preset : str, optional
    settings : mapping
        Settings that override the preset or the defaults.
    n_seeds : int, optional
        Number of seeds, if fewer than those of the benchmark; useful for slow methods.
    only : tuple of str
        Labels of the data sets on which the method is run. Default: all.
    label : str, optional
        Name in tables. Default: name and preset.
    tuned : bool or "both", default False
        If True, the search space of the method is searched with the budget of the benchmark, except for the settings in
        `settings`, which are fixed. The name in tables ends in "(tuned)". "both" stands for two entries, one with the
        given settings and one tuned.
    searched : tuple of str
        Names in `settings` of settings that are searched nevertheless. Their values are those of the first trial.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"tuned", "searched"})

    name: NamedPlugIn
    preset: str | None = None
    settings: NamedPlugIns = Field(default_factory=dict)
    n_seeds: Annotated[int, Field(ge=1)] | None = None
    only: tuple[str, ...] = ()
    label: str = ""
    tuned: bool | Literal["both"] = False
    searched: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_searched(self) -> Self:
        if self.searched and not self.tuned:
            raise ValueError("searched is set: expected tuned = true or tuned = 'both'")
        for name in self.searched:
            if name not in self.settings:
                raise ValueError(f"searched names {name!r}: expected one of settings ({', '.join(self.settings)})")
        return self

    def title(self) -> str:
        """Return the name in tables."""
        title = self.label or (f"{self.name} ({self.preset})" if self.preset else self.name)
        return f"{title} (tuned)" if self.tuned else title

    def variants(self) -> tuple[Self, ...]:
        """Return the entry itself, or one entry without and one with tuning if `tuned` is "both"."""
        if self.tuned != "both":
            return (self,)
        return self.model_copy(update={"tuned": False, "searched": ()}), self.model_copy(update={"tuned": True})


class TuningSpec(_KeyedSettings):
    """Budget of the tuned methods of a benchmark, equal for all methods, and scheme of the validation.

    Each trial is scored by cross-validation on the training split, with the missing modalities of the cell. The score
    is the log loss (R2 for regression, macro-F1 for labels) of held-out samples under random missing patterns.

    Attributes
    ----------
    n_trials : int, optional
        Number of trials. The first one has the settings of the method without tuning. At least one of `n_trials` and
        `cpu_seconds` is required; with both, the first limit that is reached applies.
    cpu_seconds : float, optional
        CPU time of the trials, summed over threads. The trial that exceeds it is stopped after its current fold.
        Results then depend on the speed of the machine.
    n_folds : int in [2, 20], default 3
        Number of cross-validation folds. Groups are never split, and the folds do not depend on the method.
    once_per : {"cell", "data"}, default "cell"
        "cell": each seed and fold is tuned on its own training split. "data": all seeds and folds use the settings that
        were selected on the training split of the first seed and fold, once per data set, protocol and method. This
        training split may contain test samples of the other seeds and folds, unless all have the same test split.
    """

    n_trials: Annotated[int, Field(ge=1, le=10_000)] | None = None
    cpu_seconds: Annotated[float, Field(gt=0)] | None = None
    n_folds: Annotated[int, Field(ge=2, le=20)] = 3
    once_per: Literal["cell", "data"] = "cell"

    @model_validator(mode="after")
    def _check_limited(self) -> Self:
        if self.n_trials is None and self.cpu_seconds is None:
            raise ValueError("expected a budget, n_trials or cpu_seconds")
        return self

    def title(self) -> str:
        """Return the budget as text."""
        limits = [
            *([] if self.n_trials is None else [f"{self.n_trials} trials"]),
            *([] if self.cpu_seconds is None else [f"{self.cpu_seconds:g} CPU seconds"]),
        ]
        unit = "method and run" if self.once_per == "cell" else "method, on the training split of the first run"
        return f"{' or '.join(limits)} per {unit}"


class Cell(_KeyedSettings):
    """Complete configuration of one fit and its evaluation.

    Attributes
    ----------
    data, protocol, method : DataSpec, ProtocolSpec, MethodSpec
    seed : int
        Random seed of the split, the masks and the fit.
    test_fraction : float
        Fraction of samples in the test split, in (0, 1), if the data has none.
    n_threads : int
    fold : int, optional
        Number of the cross-validation fold, starting at 1.
    log_gradients : bool, default False
        If True, the training history contains the gradient norm of the encoder of each modality.
    tuning : TuningSpec, optional
        Budget, if the method is tuned.
    """

    ADDED: ClassVar[frozenset[str]] = frozenset({"fold", "log_gradients", "tuning"})

    data: DataSpec
    protocol: ProtocolSpec
    method: MethodSpec
    seed: Annotated[int, Field(ge=0)]
    test_fraction: float
    n_threads: int
    fold: Annotated[int, Field(ge=1)] | None = None
    log_gradients: bool = False
    tuning: TuningSpec | None = None

    def tuning_cell(self) -> Self:
        """Return the cell on whose training split the method is tuned."""
        if self.tuning is None or self.tuning.once_per == "cell":
            return self
        return self.model_copy(update={"seed": 0, "fold": self.data.folds()[0]})

    def key(self) -> str:
        """Return the key of the cell: a readable, unique file name without extension."""
        text = json.dumps(self.identity(), sort_keys=True)
        repetition = str(self.seed) if self.fold is None else f"{self.seed}-{self.fold}"
        readable = "-".join([self.data.title(), self.protocol.title(), self.method.title(), repetition])
        return f"{re.sub(r'[^A-Za-z0-9_.]+', '-', readable)[:100]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
