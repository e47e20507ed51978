"""Simple baselines compared with scikit-learn on the same table."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from factories import make_data
from redcore.data import MultimodalData, Target
from redcore.methods import make_method

N = 200


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    codes = np.arange(N) % 3
    values = rng.normal(size=(N, 7)) + codes[:, None]
    hidden = rng.random((N, 2)) < 0.4
    hidden[hidden.all(axis=1), 0] = False
    values[hidden[:, 0], :3] = np.nan
    values[hidden[:, 1], 3:] = np.nan
    return values, codes


def data(table, numbers=None):
    values, codes = table
    target = Target.from_labels(codes) if numbers is None else Target.from_numbers(numbers)
    return MultimodalData.from_arrays({"a": values[:, :3], "b": values[:, 3:]}, target)


def test_mean_fill(table):
    scaled = np.nan_to_num(StandardScaler().fit_transform(table[0]))
    expected = LogisticRegression(max_iter=1000, tol=1e-8).fit(scaled, table[1]).predict_proba(scaled)
    np.testing.assert_allclose(make_method("mean_fill").fit(data(table)).predict(data(table)), expected, atol=1e-4)


def test_indicators_distinguish_a_missing_modality_from_its_mean():
    values = np.array([[0.0]] * 40 + [[np.nan]] * 40)
    source = MultimodalData.from_arrays({"a": values, "b": np.ones((80, 1))}, Target.from_labels(np.repeat([0, 1], 40)))
    assert (make_method("indicator_linear").fit(source).predict(source).argmax(axis=1) == np.repeat([0, 1], 40)).all()
    assert np.ptp(make_method("mean_fill").fit(source).predict(source)[:, 0]) == 0


def test_meta_learner_reads_out_of_fold_probabilities_and_flags(table):
    source = data(table)
    model = make_method("meta_learner", settings={"C": 0.5}).fit(source)
    linear, present = model.linear.predict_held_out(source)
    probabilities = np.exp(linear) / np.exp(linear).sum(axis=2, keepdims=True) * present[..., None]
    meta = LogisticRegression(C=0.5, max_iter=1000, tol=1e-8).fit(
        np.hstack([probabilities.reshape(N, -1), present]), table[1]
    )
    # predictions use the learners of all samples, and zeros for missing modalities
    learners = [LogisticRegression(C=0.5, max_iter=1000, tol=1e-8) for _ in range(2)]
    features = np.zeros((N, 8))
    for index, (learner, columns) in enumerate(zip(learners, (slice(0, 3), slice(3, 7)), strict=True)):
        rows = np.flatnonzero(present[:, index])
        scaled = StandardScaler().fit_transform(table[0][rows, columns])
        features[rows, 3 * index : 3 * index + 3] = learner.fit(scaled, table[1][rows]).predict_proba(scaled)
        features[rows, 6 + index] = 1
    np.testing.assert_allclose(model.predict(source), meta.predict_proba(features), atol=1e-3)


def test_meta_learner_uses_that_a_modality_is_missing():
    values = np.array([[0.0]] * 40 + [[np.nan]] * 40)
    source = MultimodalData.from_arrays({"a": values, "b": np.ones((80, 1))}, Target.from_labels(np.repeat([0, 1], 40)))
    assert (make_method("meta_learner").fit(source).predict(source).argmax(axis=1) == np.repeat([0, 1], 40)).all()


def test_complete_case(table):
    complete = np.isfinite(table[0]).all(axis=1)
    scaled = np.nan_to_num(StandardScaler().fit_transform(table[0]))
    expected = (
        LogisticRegression(max_iter=1000, tol=1e-8).fit(scaled[complete], table[1][complete]).predict_proba(scaled)
    )
    np.testing.assert_allclose(
        make_method("complete_case", settings={"C": 1}).fit(data(table)).predict(data(table)), expected, atol=1e-4
    )


def test_knn_fill(table):
    scaled = StandardScaler().fit_transform(table[0])
    filled = KNNImputer(n_neighbors=5).fit_transform(scaled)
    model = make_method("knn_fill").fit(data(table))
    ours = model._filled(scaled, scaled)
    np.testing.assert_allclose(ours, filled, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_boosting_classification(table, n_classes):
    values, codes = table[0].astype(np.float32).astype(np.float64), table[1] % n_classes
    expected = HistGradientBoostingClassifier(early_stopping=False).fit(values, codes).predict_proba(values)
    ours = make_method("boosting").fit(data((values, codes))).predict(data((values, codes)))
    np.testing.assert_allclose(ours, expected, atol=1e-10)


def test_boosting_regression(table):
    values = table[0].astype(np.float32).astype(np.float64)
    numbers = np.nan_to_num(values).sum(axis=1)
    expected = HistGradientBoostingRegressor(early_stopping=False).fit(values, numbers).predict(values)
    ours = make_method("boosting").fit(data((values, None), numbers)).predict(data((values, None), numbers))
    np.testing.assert_allclose(ours[:, 0], expected, atol=1e-10)


def test_prior():
    source = make_data("multiclass", 24)
    np.testing.assert_allclose(make_method("prior").fit(source).predict(source), 1 / 3)
