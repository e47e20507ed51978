"""Contract of all methods."""

import pickle
import warnings

import numpy as np
import pytest

from factories import (
    ANY_DATA_METHODS,
    PRETRAINED_METHODS,
    TARGETS,
    make_arrays,
    make_availability,
    make_data,
    make_target,
    tiny,
)
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
from redcore.methods import make_method

N = 24

STACKED = [f"stacked around {base}" for base in ("zero_fill", "mvtcae", "mmin")]
"""The method ``stacked`` around other networks than its default."""

pytestmark = pytest.mark.parametrize("name", [*ANY_DATA_METHODS, *PRETRAINED_METHODS, *STACKED])


def unfitted(name, **changes):
    name, _, base = name.partition(" around ")
    return make_method(name, settings=tiny(name, **({"base": base} if base else {}), **changes))


def fitted(name, data, seed=0, validation=None, **changes):
    return unfitted(name, **changes).fit(data, validation, seed=seed)


@pytest.fixture(params=[False, True], ids=["vectors", "sequences"])
def sequences(request):
    return request.param


@pytest.mark.parametrize("kind", TARGETS)
def test_predicts_every_kind_of_target_and_reloads_bit_equal(name, kind, sequences, tmp_path):
    data = make_data(kind, sequences=sequences)
    model = fitted(name, data)
    outputs = model.predict(data)
    assert outputs.shape == (N, data.target.n_outputs)
    assert np.isfinite(outputs).all()
    if data.target.is_classification:
        np.testing.assert_allclose(outputs.sum(axis=1), 1)
    if data.target.classes is not None:
        assert ((outputs >= 0) & (outputs <= 1)).all()
    save_model(model, tmp_path)
    for copy in (load_model(tmp_path), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copy.predict(data), outputs)


@pytest.mark.parametrize("planted", [np.nan, np.inf, 1e30])
def test_values_of_missing_modalities_have_no_effect(name, planted, sequences):
    availability = make_availability()
    clean, dirty = make_arrays(sequences=sequences), make_arrays(sequences=sequences)
    for column, modality in enumerate(dirty):
        for row in np.flatnonzero(~availability[:, column]):
            dirty[modality][row] = np.full_like(dirty[modality][row], planted)
    target = make_target("multiclass", N)
    data = [MultimodalData.from_arrays(arrays, target, availability=availability) for arrays in (clean, dirty)]
    models = [fitted(name, each) for each in data]
    for array_name, array in models[0].arrays().items():
        np.testing.assert_array_equal(array, models[1].arrays()[array_name], err_msg=array_name)
    np.testing.assert_array_equal(models[0].predict(data[0]), models[0].predict(data[1]))


def test_order_of_modality_keys_does_not_matter(name, sequences):
    arrays, availability = make_arrays(sequences=sequences), make_availability()
    columns = dict(zip(arrays, availability.T, strict=True))
    target = make_target("multiclass", N)
    orders = [list(arrays), list(arrays)[::-1]]
    outputs = []
    for order in orders:
        data = MultimodalData.from_arrays({key: arrays[key] for key in order}, target, availability=columns)
        outputs.append(fitted(name, data).predict(data))
    np.testing.assert_array_equal(*outputs)


def test_order_of_samples_does_not_affect_predictions(name, sequences):
    data = make_data(sequences=sequences)
    model = fitted(name, data)
    order = np.random.default_rng(3).permutation(N)
    np.testing.assert_allclose(model.predict(data.take(order)), model.predict(data)[order], rtol=1e-4, atol=1e-6)
    alone = np.concatenate([model.predict(data.take([row])) for row in range(N)])
    np.testing.assert_allclose(alone, model.predict(data), rtol=1e-4, atol=1e-6)


def test_same_seed_same_result(name, sequences):
    data = make_data(sequences=sequences)
    np.testing.assert_array_equal(*(fitted(name, data, seed=7).predict(data) for _ in range(2)))


def test_all_observed_equals_no_availability(name):
    target = make_target("binary", N)
    plain = MultimodalData.from_arrays(make_arrays(), target)
    observed = MultimodalData.from_arrays(make_arrays(), target, availability=np.ones((N, 3)))
    np.testing.assert_array_equal(fitted(name, plain).predict(plain), fitted(name, observed).predict(observed))


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_sample_without_modality_gets_the_prior_flagged_or_an_error(name, kind):
    data = make_data(kind)
    model = fitted(name, data)
    availability = np.ones((N, 3), dtype=bool)
    availability[5] = False
    incomplete = data.hide(availability)
    with pytest.warns(EmptySampleWarning, match="1 sample"):
        outputs = model.predict(incomplete)
    expected = data.target.values.mean() if kind == "regression" else np.bincount(data.target.values) / N
    np.testing.assert_allclose(outputs[5], expected)
    with pytest.raises(EmptySampleError, match="first: 5"):
        model.predict(incomplete, empty="error")


def test_samples_without_modality_are_left_out_of_training_with_a_warning(name):
    data = make_data()
    keep = np.arange(N) > 3
    incomplete = data.hide(np.repeat(keep[:, None], 3, axis=1))
    with pytest.warns(EmptySampleWarning, match="4 of 24"):
        model = fitted(name, incomplete)
    rest = data.take(np.flatnonzero(keep))
    np.testing.assert_array_equal(model.predict(rest), fitted(name, rest).predict(rest))


def test_modality_never_observed_in_training_is_named_and_ignored(name):
    arrays = make_arrays()
    target = make_target("multiclass", N)
    with pytest.warns(UnseenModalityWarning, match="video"):
        model = fitted(name, MultimodalData.from_arrays({**arrays, "video": None}, target))
    without = MultimodalData.from_arrays({key: arrays[key] for key in ("audio", "text")}, target)
    everything = MultimodalData.from_arrays(arrays, target)
    np.testing.assert_array_equal(model.predict(everything), model.predict(without))


def test_class_absent_from_training_has_a_column(name):
    data = make_data()
    rows = np.flatnonzero(data.target.values != 2)
    outputs = fitted(name, data.take(rows)).predict(data)
    assert outputs.shape == (N, 3)
    assert np.isfinite(outputs).all()


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_one_modality_only(name, kind, sequences):
    arrays = {"audio": make_arrays(sequences=sequences)["audio"]}
    data = MultimodalData.from_arrays(arrays, make_target(kind, N))
    assert np.isfinite(fitted(name, data).predict(data)).all()


def test_batches_of_one_sample(name, sequences):
    data = make_data(sequences=sequences)
    assert np.isfinite(fitted(name, data, batch_size=1).predict(data)).all()


def test_one_sample_regression(name):
    data = make_data("regression", 1, holes=False)
    np.testing.assert_allclose(fitted(name, data).predict(data), data.target.values[:, None], atol=1e3)


def test_ten_modalities_with_high_missing_rates(name):
    rng = np.random.default_rng(0)
    arrays = {f"sensor{k}": rng.normal(size=(N, 2)) for k in range(10)}
    availability = rng.random((N, 10)) > 0.9
    availability[np.arange(N), np.arange(N) % 10] = True
    data = MultimodalData.from_arrays(arrays, make_target("multiclass", N), availability=availability)
    model = fitted(name, data, batch_size=4)
    assert np.isfinite(model.predict(data)).all()
    assert all(np.isfinite(column).all() for column in model.history.to_arrays().values())


def test_huge_but_finite_inputs_give_finite_outputs(name):
    arrays = make_arrays()
    arrays["text"][3] = 3e38
    data = MultimodalData.from_arrays(arrays, make_target("multiclass", N))
    assert np.isfinite(fitted(name, data).predict(data)).all()
    ordinary = make_data(holes=False)
    assert np.isfinite(fitted(name, ordinary).predict(data)).all()


def test_validation_data_is_never_trained_on(name):
    if name == "stack":
        pytest.skip("the weights of the stack are fitted to validation data; see tests/methods/test_stack.py")
    data = make_data()
    validation = make_data(n_samples=12)
    other_labels = MultimodalData(
        validation.modalities,
        make_target("multiclass", 12).take(np.arange(12)[::-1]),
        None,
        validation.sample_ids,
        None,
    )
    # with a single epoch and one source of predictions there is nothing to choose, so that the labels cannot matter
    choices = {"max_epochs": 1, "stacking": False}
    models = [fitted(name, data, validation=each, **choices) for each in (validation, other_labels)]
    np.testing.assert_array_equal(*(model.predict(data) for model in models))


def test_inputs_are_not_modified(name):
    arrays, availability = make_arrays(), make_availability()
    before = {key: array.copy() for key, array in arrays.items()}
    data = MultimodalData.from_arrays(arrays, make_target("binary", N), availability=availability)
    checksum = data.checksum()
    fitted(name, data).predict(data)
    assert data.checksum() == checksum
    for key in arrays:
        np.testing.assert_array_equal(arrays[key], before[key])
    np.testing.assert_array_equal(availability, make_availability())


def test_data_with_another_schema_is_rejected(name):
    model = fitted(name, make_data())
    with pytest.raises(SchemaError, match="'text' has 9 features, expected 4"):
        model.predict(MultimodalData.from_arrays({"text": np.ones((2, 9))}))
    with pytest.raises(SchemaError, match="'text' contains sequences, expected vectors"):
        model.predict(MultimodalData.from_arrays({"text": np.ones((2, 3, 4))}))
    with pytest.raises(UnknownNameError, match="unknown modality 'txt'; did you mean 'text'"):
        model.predict(MultimodalData.from_arrays({"txt": np.ones((2, 4))}))


def test_unusable_training_data_is_rejected(name):
    method = unfitted(name)
    with pytest.raises(TargetError, match="labels are missing"):
        method.fit(MultimodalData.from_arrays(make_arrays()))
    same = make_data()
    with pytest.raises(TargetError, match="only one class in training: 1"):
        method.fit(same.take(np.flatnonzero(same.target.values == 1)))
    with pytest.raises(DataError, match="all modalities are missing everywhere"), warnings.catch_warnings():
        method.fit(same.hide(np.zeros((N, 3))))
    with pytest.raises(DataError, match="seed is -1"):
        method.fit(same, seed=-1)
