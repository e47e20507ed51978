"""What every method is: fit on `MultimodalData`, predict under any missing pattern, give and take its state."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from redcore._settings import MethodSettings
from redcore._types import AnyArray, IntArray
from redcore._validation import check_seed
from redcore.data import Modality, MultimodalData, Schema
from redcore.exceptions import (
    DataError,
    EmptySampleError,
    EmptySampleWarning,
    TargetError,
    UnseenModalityWarning,
    UnsupportedError,
)
from redcore.fitting import Callback, FitContext, History

__all__ = ["Method"]


class Method(ABC):
    """A way to predict a target from modalities of which any may be missing.

    Subclasses implement `_fit`, `_predict`, `_arrays` and `_restore`; the checks that all methods share are here:
    samples without any modality, modalities that training never observed, and the fit to the training schema.

    Parameters
    ----------
    settings : MethodSettings, optional
        Of the subclass's `Settings`; default: its defaults.

    Attributes
    ----------
    schema : Schema
        Form of the training data. Set by `fit`, like all that follow.
    active : tuple of str
        Modalities that were observed in training, sorted: the ones the model uses.
    prior : array (n_outputs,)
        Class frequencies, or mean target: the prediction for a sample without any modality.
    history : History
        Empty for methods that are not trained step by step.
    """

    Settings: ClassVar[type[MethodSettings]] = MethodSettings

    any_data: ClassVar[bool] = True
    """Whether the method can be fitted to any data; some know one data set only."""

    imputes_codes: bool = False
    """Whether `transform` returns one code per modality, of one width, in which imputers filled in the missing ones."""

    schema: Schema
    active: tuple[str, ...]
    prior: AnyArray
    history: History

    def __init__(self, settings: MethodSettings | None = None) -> None:
        self.settings = self.Settings() if settings is None else settings

    def fit(
        self,
        data: MultimodalData,
        validation: MultimodalData | None = None,
        *,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
        checkpoint: Path | None = None,
        start: "Method | None" = None,
    ) -> Self:
        """Fit to `data`.

        Parameters
        ----------
        data : MultimodalData
            With a target of at least two classes, and at least one observed value.
        validation : MultimodalData, optional
            For choosing among epochs. Default: a share of `data`, whole groups where it has groups.
        seed : int
            All randomness of the fit follows from it.
        callbacks : sequence of Callback
        checkpoint : Path, optional
            File to keep checkpoints in; if it exists, the fit goes on from there.
        start : Method, optional
            A fitted method of the same kind, from whose weights and preprocessing the training begins.

        Raises
        ------
        TargetError, DataError
            If there is nothing to learn from.
        SchemaError
            If `start` is for data of another form, or of other sizes.
        """
        check_seed(seed)
        data = self._trainable(data)
        self.schema = Schema.of(data)
        self.prior = _prior(data)
        self.active = tuple(name for name, modality in data.modalities.items() if modality.n_observed)
        self.history = History()
        unseen = [name for name in data.names if name not in self.active]
        if unseen:
            warnings.warn(
                f"never observed in training, so not used: {', '.join(unseen)}", UnseenModalityWarning, stacklevel=2
            )
        if validation is not None:
            self.schema.check(validation)
            validation = self._complete(self.schema.align(validation)) if validation.n_samples else None
        self._fit(data.select(self.active), validation, FitContext(seed, callbacks, checkpoint, start))
        return self

    def predict(self, data: MultimodalData, *, empty: Literal["prior", "error"] = "prior") -> AnyArray:
        """Predict every sample from what it observes.

        Parameters
        ----------
        data : MultimodalData
            Of the training schema; modalities it lacks altogether are missing.
        empty : {"prior", "error"}
            What becomes of samples without any (usable) modality: the prior, with a warning, or an error.

        Returns
        -------
        array (n_samples, n_outputs), float64
            Class probabilities, label probabilities, or numbers in the units of the target.

        Raises
        ------
        SchemaError, UnknownNameError
            If `data` does not fit the training data.
        EmptySampleError
            With ``empty="error"``, naming the first sample.
        """
        self.schema.check(data)
        data = self._complete(data)
        observed = data.availability.any(axis=1)
        outputs = np.tile(self.prior, (data.n_samples, 1))
        if not observed.all():
            first = data.sample_ids[~observed].tolist()[0]
            message = f"{np.count_nonzero(~observed)} sample(s) observe no usable modality, first: {first!r}"
            if empty == "error":
                raise EmptySampleError(message)
            warnings.warn(f"{message}; they get the prior", EmptySampleWarning, stacklevel=2)
        if observed.any():
            outputs[observed] = self._predict(data.take(np.flatnonzero(observed)))
        return outputs

    def decide(self, outputs: AnyArray) -> IntArray:
        """Return the class that `predict`'s probabilities (n_samples, n_classes) are taken to name, (n_samples,)."""
        return np.asarray(outputs.argmax(axis=1))

    def sample(
        self, data: MultimodalData, n_draws: int, *, seed: int = 0, empty: Literal["prior", "error"] = "prior"
    ) -> AnyArray:
        """Draw predictions from the posterior of what the method does not know of a sample.

        Returns
        -------
        array (n_draws, n_samples, n_outputs), float64
            Samples without any modality get the prior in every draw; see `predict`.

        Raises
        ------
        UnsupportedError
            If the method knows no posterior.
        """
        check_seed(seed)
        outputs = self.predict(data, empty=empty)
        data = self._complete(data)
        rows = np.flatnonzero(data.availability.any(axis=1))
        draws = np.tile(outputs, (n_draws, 1, 1))
        if rows.size:
            draws[:, rows] = self._sample(data.take(rows), n_draws, seed)
        return draws

    def completed(self, data: MultimodalData) -> MultimodalData:
        """Return `data` with exactly the active modalities, after a check of its form."""
        self.schema.check(data)
        return self._complete(data)

    def transform(self, data: MultimodalData) -> AnyArray:
        """Return the representation that the prediction is made from, (n_samples, width)."""
        self.schema.check(data)
        return self._transform(self._complete(data))

    @classmethod
    def has_representation(cls) -> bool:
        """Whether there is something that `transform` can return."""
        return cls._transform is not Method._transform

    @property
    def width(self) -> int:
        """Number of columns of `transform`."""
        nothing = {name: Modality.nothing(1) for name in self.active}
        return int(self._transform(MultimodalData(nothing, None, None, np.arange(1), None)).shape[1])

    def arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name; with `info` and the schema they are the whole model."""
        return {"prior": self.prior, **self._arrays()}

    def info(self) -> dict[str, Any]:
        """Return what else `restore` needs, JSON-ready."""
        return {"active": list(self.active), **self._info()}

    @classmethod
    def restore(
        cls,
        settings: MethodSettings,
        schema: Schema,
        info: Mapping[str, Any],
        arrays: Mapping[str, AnyArray],
        **options: Any,
    ) -> Self:
        """Rebuild a fitted method from what `info` and `arrays` returned."""
        method = cls(settings, **options)
        method.schema, method.active = schema, tuple(info["active"])
        method.prior = arrays["prior"]
        method.history = History()
        method._restore(info, arrays)
        return method

    def _trainable(self, data: MultimodalData) -> MultimodalData:
        """Check that there is something to learn from, and drop samples without any modality."""
        if data.target is None:
            raise TargetError("labels are missing: cannot fit without a target")
        observed = data.availability.any(axis=1)
        if not observed.any():
            raise DataError("all modalities are missing everywhere: nothing to learn from")
        if not observed.all() and not self.settings.keep_empty_samples:
            warnings.warn(
                f"{np.count_nonzero(~observed)} of {data.n_samples} samples observe no modality and are left out of "
                "training",
                EmptySampleWarning,
                stacklevel=3,
            )
            data = data.take(np.flatnonzero(observed))
        weights = None if data.target is None else data.target.weights
        if weights is not None and not weights.all():
            data = data.take(np.flatnonzero(weights))
        target = data.target
        if target is not None and target.weights is not None:
            # of those that are left
            data = replace(data, target=target.weighted(target.weights))
        if target is not None and target.is_classification and len(np.unique(target.values)) < 2:
            label = np.asarray(target.classes).tolist()[target.values[0]]
            raise TargetError(f"only one class in training: {label!r}; expected at least two")
        return data

    def _complete(self, data: MultimodalData) -> MultimodalData:
        """Return `data` with exactly the active modalities, wholly missing ones added."""
        modalities = {name: data.modalities.get(name) or Modality.nothing(data.n_samples) for name in self.active}
        return replace(data, modalities=modalities)

    @abstractmethod
    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        """Fit to `data`, which holds the active modalities only."""

    @abstractmethod
    def _predict(self, data: MultimodalData) -> AnyArray:
        """Predict samples that observe at least one modality each."""

    def _transform(self, data: MultimodalData) -> AnyArray:
        raise NotImplementedError(f"{type(self).__name__} has no joint representation")

    def _sample(self, data: MultimodalData, n_draws: int, seed: int) -> AnyArray:
        """Draw predictions of samples that observe at least one modality each."""
        raise UnsupportedError(f"{type(self).__name__} has no posterior to draw predictions from")

    @abstractmethod
    def _arrays(self) -> dict[str, AnyArray]:
        """Return the fitted numbers."""

    def _info(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        """Take back what `_info` and `_arrays` returned; schema, active and prior are set."""


def _prior(data: MultimodalData) -> AnyArray:
    target = data.target
    assert target is not None
    if target.is_classification:
        counts = np.bincount(target.values, target.weights, minlength=target.n_outputs)
        frequencies: AnyArray = counts / counts.sum()
        return frequencies
    return np.atleast_1d(np.average(target.values.astype(np.float64), axis=0, weights=target.weights))
