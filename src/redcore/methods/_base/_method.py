"""Base class of all methods."""

import copy
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from torch import nn

from redcore._arrays import prefixed, unprefixed
from redcore._discovery import name_of
from redcore._settings import MethodSettings
from redcore._types import AnyArray
from redcore._validation import check_seed
from redcore.data import Modality, MultimodalData, Schema
from redcore.exceptions import (
    DataWarning,
    EmptySampleError,
    EmptySampleWarning,
    ExportError,
    NonFiniteError,
    SettingsError,
    UnseenModalityWarning,
    UnsupportedError,
)
from redcore.fitting import Callback, FitContext, History, predict_batches
from redcore.methods._base._deciding import DecidingMethod
from redcore.methods._base._latent_codes import LatentCodes
from redcore.methods._base._part_options import PartOptions
from redcore.methods._base._prior import prior_of
from redcore.methods._base._training_data import trainable, warn_of_missing_cells
from redcore.preprocessing import Cells, Texts

if TYPE_CHECKING:
    from redcore.methods._base._part import PartOfMethod

__all__ = ["Method"]


class Method(DecidingMethod):
    """Base class of methods that predict a target from modalities, any of which can be missing.

    Subclasses implement `_fit`, `_arrays`, `_restore`, and either `prediction_module` or `_predict`. A method with
    `prediction_module` has an ONNX form. This class checks data against the schema of the training data, and handles
    samples without any modality and modalities that were never observed in training.

    Parameters
    ----------
    settings : MethodSettings, optional
        Instance of `Settings` of the subclass. Default: its default values.

    Attributes
    ----------
    schema : Schema
        Schema of the training data. Set by `fit`, as are all other attributes.
    active : tuple of str
        Modalities that were observed in training, sorted by name. The model uses only these.
    prior : array (n_outputs,)
        Class frequencies, mean target or survival curve of the training data, which is the prediction for samples
        without any modality.
    history : History
        Training history; empty for methods without gradient descent.
    histories : list of History
        Training histories of all ensemble members; `history` is the first. A loaded method has empty histories.
    texts : Texts
        Conversion of the columns of free text of the active modalities to numbers, before `cells`.
    cells : Cells
        Conversion of the columns of the active modalities to complete numeric features.
    threshold : float or None
        Probability from which the rare class of a binary target is predicted, set by `set_threshold`. The rare class is
        the one with fewer training samples. None for the decision rule of the method.
    temperature : float
        Temperature of the predicted probabilities, set by a recalibration; 1 for those of the fit.
    part_options : dict of str to PartOptions
        Thresholds and temperatures of several targets by name; empty for a single target.
    """

    Settings: ClassVar[type[MethodSettings]] = MethodSettings

    any_data: ClassVar[bool] = True
    """If False, the method supports a particular data set only."""

    supports_survival: ClassVar[bool] = False
    """If True, the method predicts censored times to an event."""

    supports_mixed: ClassVar[bool] = False
    """If True, the method predicts several targets of different kinds at once."""

    survival_only: ClassVar[bool] = False
    """If True, the method rejects all other kinds of targets."""

    is_linear: ClassVar[bool] = False
    """If True, predictions of vectors are computed in the large batches of linear models."""

    nothing_to_tune: ClassVar[str] = ""
    """Reason why the settings declare no search space; empty for a method with settings to tune."""

    uses_unlabelled: bool = False
    """If True, the method also learns from samples without a label."""

    imputes_codes: bool = False
    """If True, `transform` returns one code of equal width per modality, with imputed codes of missing modalities."""

    active: tuple[str, ...]
    history: History
    histories: list[History]
    texts: Texts
    cells: Cells

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
        unlabelled: MultimodalData | None = None,
    ) -> Self:
        """Fit the method.

        Parameters
        ----------
        data : MultimodalData
            Training data with a target. At least one modality must be observed. In classification, at least two classes
            must occur, and in survival at least one event.
        validation : MultimodalData, optional
            Validation set, for example to select the epoch. Default: a part of `data`, which does not divide groups.
        seed : int
            Seed of all randomness of the fit.
        callbacks : sequence of Callback
        checkpoint : Path, optional
            File for checkpoints. If it exists, the fit is resumed from it.
        start : Method, optional
            Fitted method of the same class, whose weights and preprocessing are the starting point of training (warm
            start).
        unlabelled : MultimodalData, optional
            Samples without labels. Methods with `uses_unlabelled` train their encoders, bottleneck and imputers with
            them, without the losses of the labels. Other methods ignore them with a warning.

        Raises
        ------
        TargetError, DataError
            If the target is missing, has only one class or no event, or is of a kind that the method does not support;
            or if nothing is observed.
        SchemaError
            If the schema of `validation` or `start` differs from that of `data`.

        Warns
        -----
        EmptySampleWarning
            If samples without any modality are left out of training.
        UnseenModalityWarning
            If a modality is never observed.
        MissingCellsWarning
            If cells of an observed modality are missing; they are filled (see `MethodSettings.within_modality`).
        """
        check_seed(seed)
        data = trainable(self._with_policy(data), self)
        self.schema = Schema.of(data)
        self.prior = prior_of(data)
        self.active = tuple(name for name, modality in data.modalities.items() if modality.n_observed)
        self.history = History()
        self.histories = []
        self.part_options = {name: PartOptions() for name in self.schema.part_names}
        unseen = [name for name in data.names if name not in self.active]
        if unseen:
            warnings.warn(
                f"modalities never observed in training are ignored: {', '.join(unseen)}",
                UnseenModalityWarning,
                stacklevel=2,
            )
        if validation is not None:
            conformed = self.schema.conform(validation)
            validation = self._complete(self.schema.align(conformed)) if conformed.n_samples else None
        data = data.select(self.active)
        converted = self._fit_columns(data, start)
        validation = None if validation is None else self._converted(self._with_policy(validation))
        extra = None if unlabelled is None else self._usable_unlabelled(unlabelled)
        self._fit(converted, validation, FitContext(seed, callbacks, checkpoint, start, extra))
        self.histories = self.histories or [self.history]
        return self

    def _usable_unlabelled(self, data: MultimodalData) -> MultimodalData | None:
        """Return the unlabelled samples that observe a modality; None if there are none or the method ignores them."""
        if not self.uses_unlabelled:
            name = name_of("redcore.methods", type(self))
            message = f"method {name!r} does not learn from unlabelled samples: {data.n_samples} are ignored"
            warnings.warn(message, DataWarning, stacklevel=3)
            return None
        data = self._complete(self.schema.conform(replace(data, target=None)))
        rows = np.flatnonzero(data.availability.any(axis=1))
        return self._converted(self._with_policy(data.take(rows))) if rows.size else None

    def _fit_columns(self, data: MultimodalData, start: "Method | None") -> MultimodalData:
        """Fit `texts` and `cells`, or take over those of a warm start, and return the converted training data.

        Missing cells are named in a warning.
        """
        same = isinstance(start, Method) and start.active == self.active
        if start is not None and same and start.schema.modalities == self.schema.modalities:
            self.texts, self.cells = start.texts, start.cells
            encoded = self.texts.transform(data)
        else:
            self.texts = Texts.fit(data)
            encoded = self.texts.transform(data)
            self.cells = Cells.fit(encoded)
        warn_of_missing_cells(encoded, self.missing_cells)
        return self.cells.transform(encoded)

    @property
    def missing_cells(self) -> dict[str, dict[str, float]]:
        """Share of the missing training cells by modality and column, for the columns with any."""
        names = {one.name: self.texts.schema(one).feature_names for one in self.schema.modalities}
        return {
            name: {
                str(column if (known := names[name]) is None else known[column]): share
                for column, share in columns.items()
            }
            for name, columns in self.cells.shares().items()
        }

    def predict(self, data: MultimodalData, *, empty: Literal["prior", "error"] = "prior") -> AnyArray:
        """Predict each sample from its observed modalities.

        Parameters
        ----------
        data : MultimodalData
            Data with the schema of the training data. Modalities without an entry count as missing.
        empty : {"prior", "error"}
            Treatment of samples without any modality known from training: predict the prior with an
            `EmptySampleWarning`, or raise an error.

        Returns
        -------
        array (n_samples, n_outputs), float64
            Class probabilities, label probabilities, regression outputs in the units of the target, or probabilities of
            survival at the times ``schema.grid.borders``. Predictions of several targets stand side by side; see
            `Schema.by_part` and `of_part`.

        Raises
        ------
        SchemaError, UnknownNameError
            If the schema of `data` differs from that of the training data.
        EmptySampleError
            If a sample has no modality and ``empty="error"``. The message names the first such sample.
        """
        data = self.completed(data)
        observed = data.availability.any(axis=1)
        outputs = np.tile(self.prior, (data.n_samples, 1))
        if not observed.all():
            first = data.sample_ids[~observed].tolist()[0]
            message = f"{np.count_nonzero(~observed)} sample(s) observe no usable modality, first: {first!r}"
            if empty == "error":
                raise EmptySampleError(message)
            warnings.warn(f"{message}; the prior is predicted", EmptySampleWarning, stacklevel=2)
        if observed.any():
            usable = data if observed.all() else data.take(np.flatnonzero(observed))
            outputs[observed] = self._at_temperature(self._predict(self._converted(usable)))
        return outputs

    def of_part(self, name: str) -> "PartOfMethod":
        """Return a view of the fitted method that predicts one of several targets.

        The view is a method for a single target: it has decisions, probabilities, a threshold and a temperature.

        Raises
        ------
        UnknownNameError
            If the method has no such target.
        """
        from redcore.methods._base._part import PartOfMethod

        return PartOfMethod(self, name)

    def prediction_module(self) -> nn.Module:
        """Return the fitted prediction as a module, which `predict` calls and `redcore.export.export_onnx` traces.

        Its input is a `redcore.nn.Batch` of the active modalities, after `texts` and `cells` and without other
        preprocessing, in which every sample observes at least one modality. Its output is `predict` for these samples
        at temperature 1, double (n_samples, n_outputs).

        While a graph is traced (see `redcore.nn.is_traced`), every modality of the batch has a row for every sample,
        with zeros where the modality is missing, and a sample may observe no modality.

        Raises
        ------
        ExportError
            If the method has no such module; its prediction is then `_predict`.
        """
        name = name_of("redcore.methods", type(self))
        raise ExportError(f"method {name!r} has no ONNX form: it does not implement prediction_module")

    def sample(
        self, data: MultimodalData, n_draws: int, *, seed: int = 0, empty: Literal["prior", "error"] = "prior"
    ) -> AnyArray:
        """Draw predictions from the posterior of the latent codes of each sample.

        Parameters
        ----------
        data : MultimodalData
        n_draws : int
        seed : int
        empty : {"prior", "error"}
            As in `predict`.

        Returns
        -------
        array (n_draws, n_samples, n_outputs), float64
            For samples without any modality, all draws are the prior.

        Raises
        ------
        UnsupportedError
            If the method has no posterior.
        """
        check_seed(seed)
        outputs = self.predict(data, empty=empty)
        data = self.completed(data)
        rows = np.flatnonzero(data.availability.any(axis=1))
        draws = np.tile(outputs, (n_draws, 1, 1))
        if rows.size:
            draws[:, rows] = self._at_temperature(self._sample(self._converted(data.take(rows)), n_draws, seed))
        return draws

    def completed(self, data: MultimodalData) -> MultimodalData:
        """Check the schema of `data` and return it with exactly the active modalities.

        With ``within_modality="drop"``, modalities with missing cells become missing.
        """
        return self._with_policy(self._complete(self.schema.conform(data)))

    def encode_text(self, data: MultimodalData) -> MultimodalData:
        """Return `completed` data with numbers in place of free text, an input of `with_encoded_text`."""
        return self.texts.transform(self.completed(data))

    def with_encoded_text(self) -> Self:
        """Return the same fitted method with the numbers that encode free text as its inputs; see `encode_text`."""
        if not self.texts:
            return self
        method = copy.copy(self)
        method.schema = replace(self.schema, modalities=tuple(map(self.texts.schema, self.schema.modalities)))
        method.texts = Texts({}, {})
        return method

    def transform(self, data: MultimodalData) -> AnyArray:
        """Return the representation from which the prediction is computed, (n_samples, width)."""
        return self._transform(self._converted(self.completed(data)))

    def latent(self, data: MultimodalData, member: int = 0) -> LatentCodes:
        """Return the latent code of each observed modality; codes of missing modalities are NaN.

        Parameters
        ----------
        data : MultimodalData
        member : int >= 0, default 0
            Ensemble member whose codes are returned. The members are trained separately, so that their codes have
            different coordinates and cannot be averaged.

        Raises
        ------
        UnsupportedError
            If the method does not impute latent codes.
        SettingsError
            If there is no such member.
        """
        return self.impute(data, member).without_imputed()

    def impute(self, data: MultimodalData, member: int = 0) -> LatentCodes:
        """Return the latent code of each modality; codes of missing modalities are imputed from the others.

        See `latent` for parameters and errors.
        """
        if not self.imputes_codes:
            name = name_of("redcore.methods", type(self))
            raise UnsupportedError(f"method {name!r} does not impute latent codes; expected one such as 'redcore'")
        completed = self.completed(data)
        codes = self._of_member(member)._transform(self._converted(completed))
        return LatentCodes.of(self.active, codes.reshape(data.n_samples, len(self.active), -1), completed.availability)

    def _of_member(self, member: int) -> "Method":
        """Return the method with one ensemble member as its first network."""
        if member != 0:
            raise SettingsError(f"member {member}: expected 0, since the method has no ensemble")
        return self

    @classmethod
    def has_representation(cls) -> bool:
        """Return True if the method supports `transform`."""
        return cls._transform is not Method._transform

    @property
    def width(self) -> int:
        """Number of columns of the result of `transform`."""
        empty = {name: Modality.nothing(1) for name in self.active}
        return int(self._transform(MultimodalData(empty, None, None, np.arange(1), None)).shape[1])

    def arrays(self) -> dict[str, AnyArray]:
        """Return all fitted parameters as named arrays. With `info` and the schema, they define the model."""
        columns = {**prefixed("texts/", self.texts.to_arrays()), **prefixed("cells/", self.cells.to_arrays())}
        return {"prior": self.prior, **columns, **self._arrays()}

    def info(self) -> dict[str, Any]:
        """Return the other values that `restore` needs, as a dict for JSON."""
        info = {"active": list(self.active), "missing_cells": self.missing_cells, **self._decision_info()}
        return {**info, **self._info()}

    @classmethod
    def restore(
        cls,
        settings: MethodSettings,
        schema: Schema,
        info: Mapping[str, Any],
        arrays: Mapping[str, AnyArray],
        **options: Any,
    ) -> Self:
        """Create a fitted method from its settings, its schema and the results of `info` and `arrays`."""
        method = cls(settings, **options)
        method.schema, method.active = schema, tuple(info["active"])
        method.prior = arrays["prior"]
        method._restore_decisions(info)
        method.history = History()
        method.histories = [method.history]
        n_features = {m.name: m.n_features for m in schema.modalities if m.name in method.active}
        features = {m.name: m.feature_names or () for m in schema.modalities}
        method.texts = Texts.from_arrays(unprefixed("texts/", arrays), features)
        method.cells = Cells.from_arrays(unprefixed("cells/", arrays), n_features)
        method._restore(info, arrays)
        return method

    def _with_policy(self, data: MultimodalData) -> MultimodalData:
        """Apply the setting `within_modality`, unless it is "fill"."""
        if self.settings.within_modality == "fill":
            return data
        incomplete = {name: modality.incomplete() for name, modality in data.modalities.items()}
        for name, rows in incomplete.items():
            if rows.any() and self.settings.within_modality == "error":
                first = data.sample_ids[rows].tolist()[0]
                raise NonFiniteError(
                    f"modality {name!r}: missing cells in {np.count_nonzero(rows)} sample(s), first: {first!r}; fill "
                    "them, or set within_modality to 'fill' or 'drop'"
                )
        return data.hide({name: ~rows for name, rows in incomplete.items()})

    def _converted(self, data: MultimodalData) -> MultimodalData:
        """Return completed data with complete numeric features, which the model was fitted to."""
        return self.cells.transform(self.texts.transform(data))

    def _complete(self, data: MultimodalData) -> MultimodalData:
        """Return `data` with exactly the active modalities. Modalities without an entry are added as missing."""
        modalities = {name: data.modalities.get(name) or Modality.nothing(data.n_samples) for name in self.active}
        return replace(data, modalities=modalities)

    @abstractmethod
    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        """Fit the method to `data`, which has the active modalities only."""

    def _predict(self, data: MultimodalData) -> AnyArray:
        """Return the predictions for samples with at least one observed modality."""
        outputs = predict_batches(self.prediction_module(), data, is_linear=self.is_linear)
        return np.concatenate([output.numpy() for output in outputs])

    def _transform(self, data: MultimodalData) -> AnyArray:
        raise NotImplementedError(f"{type(self).__name__} has no joint representation")

    def _sample(self, data: MultimodalData, n_draws: int, seed: int) -> AnyArray:
        """Return random predictions for samples with at least one observed modality."""
        raise UnsupportedError(f"{type(self).__name__} has no posterior to draw predictions from")

    @abstractmethod
    def _arrays(self) -> dict[str, AnyArray]:
        """Return the fitted parameters as named arrays."""

    def _info(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        """Restore the state from the results of `_info` and `_arrays`; `schema`, `active` and `prior` are set."""
