import numpy as np
import pytest
from sklearn import metrics as reference

from redcore.data import Target
from redcore.metrics import classification_scores, headline, multilabel_scores, regression_scores, scores


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def calibration_by_loop(codes, probabilities):
    confidence, is_correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == codes
    total = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - is_correct[inside].mean())
    return total


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classification_agrees_with_sklearn(n_classes, dtype):
    rng = np.random.default_rng(n_classes)
    codes, probabilities = rng.integers(n_classes, size=60), softmax(rng.normal(size=(60, n_classes))).astype(dtype)
    predicted = probabilities.argmax(axis=1)
    exact = probabilities.astype(np.float64)
    expected = {
        "accuracy": reference.accuracy_score(codes, predicted),
        "uar": reference.balanced_accuracy_score(codes, predicted),
        "macro_f1": reference.f1_score(codes, predicted, average="macro"),
        "weighted_f1": reference.f1_score(codes, predicted, average="weighted"),
        "nll": reference.log_loss(codes, exact / exact.sum(axis=1, keepdims=True), labels=range(n_classes)),
        "ece": calibration_by_loop(codes, exact),
    }
    assert classification_scores(codes, probabilities) == pytest.approx(expected, rel=1e-6)


def test_classification_by_hand():
    codes = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.5, 0.2, 0.3], [0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.1, 0.6, 0.3]])
    assert classification_scores(codes, probabilities) == pytest.approx(
        {
            "accuracy": 3 / 4,
            "uar": (2 / 3 + 1) / 2,
            "macro_f1": (4 / 5 + 1 + 0) / 3,
            "weighted_f1": 3 / 4 * 4 / 5 + 1 / 4,
            "nll": -np.log(0.5 * 0.8 * 0.1 * 0.6) / 4,
            "ece": (0.5 + 0.2 + 0.7 + 0.4) / 4,
        }
    )


def test_averages_over_classes_are_undefined_if_only_one_class_occurs():
    result = classification_scores(np.zeros(5, dtype=int), np.tile([0.9, 0.1], (5, 1)), np.zeros(5, dtype=int))
    averages = ("uar", "macro_f1", "weighted_f1", "argmax_macro_f1")
    assert [result[name] for name in averages] == [None] * 4
    assert result["accuracy"] == 1.0


def test_classes_that_neither_occur_nor_are_predicted_are_ignored():
    probabilities = np.array([[0.9, 0.0, 0.1], [0.1, 0.0, 0.9]])
    result = classification_scores(np.array([0, 2]), probabilities)
    assert (result["uar"], result["macro_f1"]) == (1.0, 1.0)


def test_log_loss_of_probability_zero_is_finite():
    result = classification_scores(np.array([0]), np.array([[0.0, 1.0]]))
    assert result["nll"] == pytest.approx(-np.log(np.finfo(float).eps))


def test_single_class():
    assert classification_scores(np.zeros(3, dtype=int), np.ones((3, 1))) == {
        "accuracy": 1.0, "uar": None, "macro_f1": None, "weighted_f1": None, "nll": 0.0, "ece": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(("score", "truth"), [(classification_scores, [0]), (multilabel_scores, [[0, 1]])])
def test_nan_probabilities_are_rejected(score, truth):
    with pytest.raises(ValueError, match="probabilities contains NaN"):
        score(np.array(truth), np.array([[0.5, np.nan]]))


def test_multilabel_by_hand():
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], dtype=np.float32)
    probabilities = np.array([[0.9, 0.1], [0.5, 0.2], [0.6, 0.7], [0.1, 0.4]])
    assert multilabel_scores(truth, probabilities) == pytest.approx(
        {"accuracy": 6 / 8, "exact_match": 2 / 4, "macro_f1": (4 / 5 + 2 / 3) / 2}
    )


def test_multilabel_agrees_with_sklearn():
    rng = np.random.default_rng(0)
    truth, probabilities = rng.integers(2, size=(40, 5)), rng.random((40, 5))
    result = multilabel_scores(truth, probabilities)
    assert result["macro_f1"] == pytest.approx(reference.f1_score(truth, probabilities >= 0.5, average="macro"))
    assert result["exact_match"] == pytest.approx(reference.accuracy_score(truth, probabilities >= 0.5))
    assert result["accuracy"] == pytest.approx(1 - reference.hamming_loss(truth, probabilities >= 0.5))


def test_macro_f1_of_a_single_label():
    result = multilabel_scores(np.array([[0], [0], [1.0]]), np.array([[0.9], [0.1], [0.9]]))
    assert result["macro_f1"] == pytest.approx(2 / 3)


def test_label_that_never_occurs_has_f1_of_zero():
    result = multilabel_scores(np.array([[1, 0], [1, 0]]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    assert result == {"accuracy": 1.0, "exact_match": 1.0, "macro_f1": 0.5}


@pytest.mark.parametrize("n_outputs", [None, 1, 3])
def test_regression_agrees_with_numpy_and_sklearn(n_outputs):
    rng = np.random.default_rng(0)
    shape = (30,) if n_outputs is None else (30, n_outputs)
    target, predicted = rng.normal(size=shape), rng.normal(size=shape)
    columns = zip(target.reshape(30, -1).T, predicted.reshape(30, -1).T, strict=True)
    expected = {
        "mae": np.abs(target - predicted).mean(),
        "pearson_r": np.mean([np.corrcoef(*pair)[0, 1] for pair in columns]),
        "r2": reference.r2_score(target, predicted),
    }
    assert regression_scores(target, predicted) == pytest.approx(expected)


def test_regression_by_hand():
    result = regression_scores(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0]))
    assert result == pytest.approx({"mae": 1.0, "pearson_r": np.sqrt(3) / 2, "r2": 1 - 5 / 2})


def test_vector_and_single_column_are_equivalent():
    target, predicted = np.array([1.0, 2.0, 4.0]), np.array([[1.0], [3.0], [2.0]])
    assert regression_scores(target, predicted) == regression_scores(target[:, None], predicted)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e6 + 0.1])
@pytest.mark.parametrize("n_samples", [1, 3, 7])
def test_scores_of_a_constant_target_are_none(constant, n_samples):
    result = regression_scores(np.full(n_samples, constant), np.arange(n_samples) + 0.5)
    assert (result["pearson_r"], result["r2"]) == (None, None)
    assert result["mae"] == pytest.approx(np.abs(constant - np.arange(n_samples) - 0.5).mean())


def test_constant_prediction_has_r2_but_no_correlation():
    result = regression_scores(np.array([0.1, 0.2, 0.3]), np.full(3, 0.1))
    assert result["pearson_r"] is None
    assert result["r2"] == pytest.approx(-1.5)


def test_one_constant_output_of_several():
    result = regression_scores(np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([[1.0, 1.0], [2.0, 2.0]]))
    assert (result["pearson_r"], result["r2"], result["mae"]) == (None, None, 0.25)


OF_CLASSES = {
    "accuracy", "uar", "macro_f1", "weighted_f1", "nll", "ece", "auroc", "average_precision", "brier",
}  # fmt: skip


@pytest.mark.parametrize(
    ("target", "outputs", "keys"),
    [
        (Target.from_labels([0, 1]), np.eye(2), OF_CLASSES),
        (Target.from_labels([0, 1, 2]), np.eye(3), OF_CLASSES),
        (Target.from_multilabel([[0, 1], [1, 1]]), np.ones((2, 2)), {"accuracy", "exact_match", "macro_f1"}),
        (Target.from_numbers([0.5, 1.0]), np.ones((2, 1)), {"mae", "pearson_r", "r2"}),
        (Target.from_numbers([[0.5, 1.0]]), np.ones((1, 2)), {"mae", "pearson_r", "r2"}),
    ],
)
def test_scores_follow_the_kind_of_target(target, outputs, keys):
    result = scores(target, outputs)
    assert set(result) == keys
    assert headline(target.kind) in keys
    assert all(value is None or np.isfinite(value) for value in result.values())


def test_inputs_are_not_modified():
    codes, probabilities = np.array([0, 1]), np.array([[0.0, 1.0], [0.5, 0.5]])
    classification_scores(codes, probabilities)
    regression_scores(probabilities, probabilities[::-1])
    assert codes.tolist() == [0, 1]
    assert probabilities.tolist() == [[0.0, 1.0], [0.5, 0.5]]
