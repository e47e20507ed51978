"""Contract of all methods."""

import pickle
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from redcore.data import MultimodalData
from redcore.exceptions import (
    DataError,
    EmptySampleError,
    EmptySampleWarning,
    SchemaError,
    TargetError,
    UnknownNameError,
    UnseenModalityWarning,
)
from redcore.export import load_model, save_model
from redcore.methods import Method, MethodLike, make_method, method_class, method_name
from redcore.testing._contract import Contract, raises, require, require_equal, warns
from redcore.testing._data import (
    N_SAMPLES,
    TARGETS,
    make_arrays,
    make_availability,
    make_data,
    make_target,
    small_settings,
)

__all__ = ["METHODS", "MethodSubject", "check_method"]

METHODS = Contract("method")
FORMS = (False, True)
N = N_SAMPLES


@dataclass(frozen=True)
class MethodSubject:
    """Method with the settings of its contract test."""

    method: MethodLike
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return repr(method_name(self.method))

    @property
    def kind(self) -> str:
        """Kind of target of the clauses that need no particular one: classes, unless the method rejects them."""
        return "survival" if method_class(self.method).survival_only else "multiclass"

    def supports(self, kind: str) -> bool:
        """Return True if the method supports a kind of `make_target`."""
        cls = method_class(self.method)
        return cls.supports_survival if kind == "survival" else not cls.survival_only

    def unfitted(self, **changes: Any) -> Method:
        """Return an unfitted method with small settings."""
        settings = small_settings(self.method, **{**self.settings, **changes})
        return make_method(self.method, settings=settings)

    def fitted(
        self, data: MultimodalData, seed: int = 0, validation: MultimodalData | None = None, **changes: Any
    ) -> Method:
        """Return a method that is fitted to `data`."""
        return self.unfitted(**changes).fit(data, validation, seed=seed)


def check_method(method: MethodLike, settings: Mapping[str, Any] | None = None, skip: Collection[str] = ()) -> None:
    """Check the contract of a method; see "Contract of every method" in docs/design.md.

    Parameters
    ----------
    method : str, class or Method
        See `redcore.methods.make_method`.
    settings : mapping, optional
        Settings of the method that make a fit fast, such as ``{"n_trees": 5}``. Networks get a small width and two
        epochs. The settings of an unfitted method are used.
    skip : collection of str
        Names of clauses to leave out, or their first words.

    Raises
    ------
    ContractError
        If the method violates a clause. The message names the first one.

    Examples
    --------
    >>> check_method("prior")
    """
    if isinstance(method, Method):
        settings, method = {**dict(method.settings), **(settings or {})}, method_class(method)
    METHODS.check(MethodSubject(method, settings or {}), skip)


@METHODS.clause(kind=(*TARGETS, "survival"), sequences=FORMS)
def predicts_every_kind_of_target_and_reloads_bit_equal(subject: MethodSubject, kind: str, sequences: bool) -> None:
    """Every kind of target is predicted, and a saved or pickled method predicts bit-identically."""
    if not subject.supports(kind):
        return
    data = make_data(kind, sequences=sequences)
    assert data.target is not None
    model = subject.fitted(data)
    outputs = model.predict(data)
    expected = (N, model.schema.n_outputs)
    require(outputs.shape == expected, f"expected predictions of shape {expected}, got {outputs.shape}")
    require(bool(np.isfinite(outputs).all()), "predictions are not finite")
    if data.target.is_classification:
        np.testing.assert_allclose(outputs.sum(axis=1), 1, err_msg="probabilities do not add up to 1")
    if kind == "survival":
        require(bool((np.diff(outputs, axis=1) <= 0).all()), "a survival curve increases")
    if data.target.classes is not None or kind == "survival":
        require(bool(((outputs >= 0) & (outputs <= 1)).all()), "probabilities are not in [0, 1]")
    with TemporaryDirectory() as folder:
        save_model(model, folder)
        for copy in (load_model(Path(folder)), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(copy.predict(data), outputs)


@METHODS.clause(planted=(np.nan, np.inf, 1e30), sequences=FORMS)
def values_of_missing_modalities_have_no_effect(subject: MethodSubject, planted: float, sequences: bool) -> None:
    """Values of a missing modality have no effect on fitted parameters and predictions."""
    availability = make_availability()
    clean, dirty = make_arrays(sequences=sequences), make_arrays(sequences=sequences)
    for column, modality in enumerate(dirty):
        for row in np.flatnonzero(~availability[:, column]):
            dirty[modality][row] = np.full_like(dirty[modality][row], planted)
    target = make_target(subject.kind)
    data = [MultimodalData.from_arrays(arrays, target, availability=availability) for arrays in (clean, dirty)]
    models = [subject.fitted(each) for each in data]
    for array_name, array in models[0].arrays().items():
        np.testing.assert_array_equal(array, models[1].arrays()[array_name], err_msg=array_name)
    np.testing.assert_array_equal(models[0].predict(data[0]), models[0].predict(data[1]))


@METHODS.clause(sequences=FORMS)
def order_of_modality_keys_does_not_matter(subject: MethodSubject, sequences: bool) -> None:
    """The order of the modalities in the input has no effect."""
    arrays, availability = make_arrays(sequences=sequences), make_availability()
    columns = dict(zip(arrays, availability.T, strict=True))
    target = make_target(subject.kind)
    outputs = []
    for order in (list(arrays), list(arrays)[::-1]):
        data = MultimodalData.from_arrays({key: arrays[key] for key in order}, target, availability=columns)
        outputs.append(subject.fitted(data).predict(data))
    require_equal(*outputs)


@METHODS.clause(sequences=FORMS)
def order_of_samples_does_not_affect_predictions(subject: MethodSubject, sequences: bool) -> None:
    """The prediction of a sample does not depend on the other samples."""
    data = make_data(subject.kind, sequences=sequences)
    model = subject.fitted(data)
    order = np.random.default_rng(3).permutation(N)
    np.testing.assert_allclose(model.predict(data.take(order)), model.predict(data)[order], rtol=1e-4, atol=1e-6)
    alone = np.concatenate([model.predict(data.take(np.array([row]))) for row in range(N)])
    np.testing.assert_allclose(alone, model.predict(data), rtol=1e-4, atol=1e-6)


@METHODS.clause(sequences=FORMS)
def same_seed_same_result(subject: MethodSubject, sequences: bool) -> None:
    """Two fits with the same seed give the same predictions."""
    data = make_data(subject.kind, sequences=sequences)
    require_equal(*(subject.fitted(data, seed=7).predict(data) for _ in range(2)))


@METHODS.clause()
def all_observed_equals_no_availability(subject: MethodSubject) -> None:
    """A mask with all modalities observed is equivalent to no mask."""
    target = make_target(subject.kind)
    plain = MultimodalData.from_arrays(make_arrays(), target)
    observed = MultimodalData.from_arrays(make_arrays(), target, availability=np.ones((N, 3)))
    outputs = (subject.fitted(data).predict(data) for data in (plain, observed))
    require_equal(*outputs)


@METHODS.clause(kind=("multiclass", "regression", "survival"))
def sample_without_modality_gets_the_prior_flagged_or_an_error(subject: MethodSubject, kind: str) -> None:
    """A sample without any modality gets the prior with a warning, or a named error in strict mode."""
    if not subject.supports(kind):
        return
    data = make_data(kind)
    assert data.target is not None
    model = subject.fitted(data)
    availability = np.ones((N, 3), dtype=bool)
    availability[5] = False
    incomplete = data.hide(availability)
    with warns(EmptySampleWarning, match="1 sample"):
        outputs = model.predict(incomplete)
    values = data.target.values
    if kind == "survival":
        expected = np.cumprod(1 - model.schema.grid.hazards(values)) if model.schema.grid else np.zeros(0)
    else:
        expected = values.mean() if kind == "regression" else np.bincount(values) / N
    np.testing.assert_allclose(outputs[5], expected)
    with raises(EmptySampleError, match="first: 5"):
        model.predict(incomplete, empty="error")


@METHODS.clause()
def samples_without_modality_are_left_out_of_training_with_a_warning(subject: MethodSubject) -> None:
    """Samples without any modality have no effect on the fit, which warns of them."""
    data = make_data(subject.kind)
    keep = np.arange(N) > 3
    incomplete = data.hide(np.repeat(keep[:, None], 3, axis=1))
    with warns(EmptySampleWarning, match="4 of 24"):
        model = subject.fitted(incomplete)
    rest = data.take(np.flatnonzero(keep))
    np.testing.assert_array_equal(model.predict(rest), subject.fitted(rest).predict(rest))


@METHODS.clause()
def modality_never_observed_in_training_is_named_and_ignored(subject: MethodSubject) -> None:
    """A modality that is never observed in training is named in a warning and ignored in prediction."""
    arrays, target = make_arrays(), make_target(subject.kind)
    with warns(UnseenModalityWarning, match="video"):
        model = subject.fitted(MultimodalData.from_arrays({**arrays, "video": None}, target))
    without = MultimodalData.from_arrays({key: arrays[key] for key in ("audio", "text")}, target)
    everything = MultimodalData.from_arrays(arrays, target)
    np.testing.assert_array_equal(model.predict(everything), model.predict(without))


@METHODS.clause()
def class_absent_from_training_has_a_column(subject: MethodSubject) -> None:
    """A class without a training sample has a column in the predictions."""
    if not subject.supports("multiclass"):
        return
    data = make_data(subject.kind)
    assert data.target is not None
    outputs = subject.fitted(data.take(np.flatnonzero(data.target.values != 2))).predict(data)
    require(outputs.shape == (N, 3), f"expected predictions of shape {(N, 3)}, got {outputs.shape}")
    require(bool(np.isfinite(outputs).all()), "predictions are not finite")


@METHODS.clause(kind=("multiclass", "regression", "survival"), sequences=FORMS)
def one_modality_only(subject: MethodSubject, kind: str, sequences: bool) -> None:
    """Data of one modality gives finite predictions."""
    if not subject.supports(kind):
        return
    data = MultimodalData.from_arrays({"audio": make_arrays(sequences=sequences)["audio"]}, make_target(kind))
    require(bool(np.isfinite(subject.fitted(data).predict(data)).all()), "predictions are not finite")


@METHODS.clause(sequences=FORMS)
def batches_of_one_sample(subject: MethodSubject, sequences: bool) -> None:
    """Batches of one sample give finite predictions."""
    data = make_data(subject.kind, sequences=sequences)
    require(bool(np.isfinite(subject.fitted(data, batch_size=1).predict(data)).all()), "predictions are not finite")


@METHODS.clause()
def one_sample_regression(subject: MethodSubject) -> None:
    """One training sample with a continuous target gives a finite prediction."""
    if not subject.supports("regression"):
        return
    data = make_data("regression", 1, holes=False)
    assert data.target is not None
    np.testing.assert_allclose(subject.fitted(data).predict(data), data.target.values[:, None], atol=1e3)


@METHODS.clause()
def ten_modalities_with_high_missing_rates(subject: MethodSubject) -> None:
    """Ten modalities with a missing rate of 0.9 give finite predictions and histories."""
    rng = np.random.default_rng(0)
    arrays = {f"sensor{k}": rng.normal(size=(N, 2)) for k in range(10)}
    availability = rng.random((N, 10)) > 0.9
    availability[np.arange(N), np.arange(N) % 10] = True
    data = MultimodalData.from_arrays(arrays, make_target(subject.kind), availability=availability)
    model = subject.fitted(data, batch_size=4)
    require(bool(np.isfinite(model.predict(data)).all()), "predictions are not finite")
    for name, column in model.history.to_arrays().items():
        require(bool(np.isfinite(column).all()), f"history {name!r} is not finite")


@METHODS.clause()
def huge_but_finite_inputs_give_finite_outputs(subject: MethodSubject) -> None:
    """Features of 3e38 give finite predictions, in training and in prediction."""
    arrays = make_arrays()
    arrays["text"][3] = 3e38
    data = MultimodalData.from_arrays(arrays, make_target(subject.kind))
    for training in (data, make_data(subject.kind, holes=False)):
        require(bool(np.isfinite(subject.fitted(training).predict(data)).all()), "predictions are not finite")


@METHODS.clause()
def validation_data_is_never_trained_on(subject: MethodSubject) -> None:
    """With a single epoch and nothing to select, the labels of the validation set have no effect."""
    data = make_data(subject.kind)
    validation = make_data(subject.kind, 12)
    reversed_labels = make_target(subject.kind, 12).take(np.arange(12)[::-1])
    other = MultimodalData(validation.modalities, reversed_labels, None, validation.sample_ids, None)
    models = [subject.fitted(data, 0, each, max_epochs=1, stacking=False) for each in (validation, other)]
    require_equal(*(model.predict(data) for model in models))


@METHODS.clause()
def inputs_are_not_modified(subject: MethodSubject) -> None:
    """Fit and prediction modify neither arrays nor availability masks of the user."""
    arrays, availability = make_arrays(), make_availability()
    before = {key: array.copy() for key, array in arrays.items()}
    data = MultimodalData.from_arrays(arrays, make_target(subject.kind), availability=availability)
    checksum = data.checksum()
    subject.fitted(data).predict(data)
    require(data.checksum() == checksum, "the data has changed")
    for key in arrays:
        np.testing.assert_array_equal(arrays[key], before[key], err_msg=key)
    np.testing.assert_array_equal(availability, make_availability())


@METHODS.clause()
def data_with_another_schema_is_rejected(subject: MethodSubject) -> None:
    """Data with another number of features, another form or an unknown modality is rejected by name."""
    model = subject.fitted(make_data(subject.kind))
    with raises(SchemaError, match="'text' has 9 features, expected 4"):
        model.predict(MultimodalData.from_arrays({"text": np.ones((2, 9))}))
    with raises(SchemaError, match="'text' contains sequences, expected vectors"):
        model.predict(MultimodalData.from_arrays({"text": np.ones((2, 3, 4))}))
    with raises(UnknownNameError, match="unknown modality 'txt'; did you mean 'text'"):
        model.predict(MultimodalData.from_arrays({"txt": np.ones((2, 4))}))


@METHODS.clause()
def unusable_training_data_is_rejected(subject: MethodSubject) -> None:
    """Training data without labels, events or values, or with one class, is rejected, and so is a negative seed."""
    method, data = subject.unfitted(), make_data(subject.kind)
    assert data.target is not None
    with raises(TargetError, match="labels are missing"):
        method.fit(MultimodalData.from_arrays(make_arrays()))
    if subject.supports("multiclass"):
        with raises(TargetError, match="only one class in training: 1"):
            method.fit(data.take(np.flatnonzero(data.target.values == 1)))
    else:
        with raises(TargetError, match="no events in training"):
            method.fit(data.take(np.flatnonzero(data.target.values[:, 1] == 0)))
        with raises(TargetError, match="expects a survival target"):
            method.fit(make_data())
    with raises(DataError, match="all modalities are missing everywhere"), warnings.catch_warnings():
        method.fit(data.hide(np.zeros((N, 3))))
    with raises(DataError, match="seed is -1"):
        method.fit(data, seed=-1)
