"""Rare outcomes: rankings, thresholds, scores per class and bootstrap intervals."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from redcore.data import MultimodalData, Target
from redcore.metrics import choose_threshold, evaluate_patterns, scores


def rare(n_samples=400, seed=0, n_classes=2, digits=1):
    """Return codes of a rare last class, and probabilities with many ties."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(n_classes, n_samples, p=[0.9] + [0.1 / (n_classes - 1)] * (n_classes - 1))
    logits = rng.normal(size=(n_samples, n_classes)) + 1.5 * np.eye(n_classes)[codes]
    odds = np.exp(logits.round(digits))
    return codes, odds / odds.sum(axis=1, keepdims=True)


def report(codes, probabilities, groups=None):
    target = Target.from_labels(np.array(["no", "yes"])[codes])
    data = MultimodalData.from_arrays({"a": np.arange(float(len(codes)))}, target, groups=groups)
    rows = {id_: row for row, id_ in enumerate(data.sample_ids.tolist())}
    return evaluate_patterns(
        lambda part: probabilities[[rows[each] for each in part.sample_ids.tolist()]], data, detailed=True
    )


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_a_rare_class_agree_with_sklearn(seed):
    codes, probabilities = rare(seed=seed)
    own = scores(Target.from_labels(codes), probabilities)
    assert own["auroc"] == pytest.approx(reference.roc_auc_score(codes, probabilities[:, 1]))
    assert own["average_precision"] == pytest.approx(reference.average_precision_score(codes, probabilities[:, 1]))
    assert own["brier"] == pytest.approx(2 * reference.brier_score_loss(codes, probabilities[:, 1]))


def test_average_precision_is_of_the_rarer_class_whatever_its_name():
    codes, probabilities = rare()
    own = scores(Target.from_labels(codes), probabilities)
    flipped = scores(Target.from_labels(1 - codes), probabilities[:, ::-1])
    assert flipped["average_precision"] == pytest.approx(own["average_precision"])


def test_scores_of_several_classes_are_averaged():
    codes, probabilities = rare(n_classes=4)
    own = scores(Target.from_labels(codes), probabilities)
    assert own["auroc"] == pytest.approx(reference.roc_auc_score(codes, probabilities, multi_class="ovr"))


def test_rankings_are_undefined_for_one_class():
    own = scores(Target.from_labels(["a"] * 9, ["a", "b"]), np.tile([0.7, 0.3], (9, 1)))
    assert own["auroc"] is None
    assert own["average_precision"] is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cost", [None, 1.0, 30.0])
def test_threshold_is_the_best_of_all(seed, cost):
    codes, probabilities = rare(seed=seed)
    positive, probability = codes == 1, probabilities[:, 1]

    def gain(threshold):
        predicted = probability >= threshold
        if cost is None:
            return reference.f1_score(positive, predicted, zero_division=0)
        return -(cost * np.sum(positive & ~predicted) + np.sum(predicted & ~positive))

    chosen = choose_threshold(positive, probability, cost)
    assert gain(chosen) >= max(gain(each) for each in np.linspace(0, 1.001, 501))


def test_details_by_hand():
    codes = np.repeat([0, 1], [8, 4])
    probabilities = np.tile([0.8, 0.2], (12, 1))
    probabilities[[0, 8, 9, 10]] = 0.1, 0.9
    details = report(codes, probabilities).details
    assert details.confusion == [[7, 1], [1, 3]]
    yes = details.per_class[1]
    assert (yes["class"], yes["n_samples"], yes["n_predicted"]) == ("yes", 4, 4)
    assert (yes["precision"], yes["recall"], yes["f1"]) == (0.75, 0.75, 0.75)
    assert details.n_units == 12
    json.dumps(details.to_dict(), allow_nan=False)


def test_an_absent_class_has_no_scores():
    target = Target.from_labels(["no"] * 20, ["no", "yes"])
    data = MultimodalData.from_arrays({"a": np.ones((20, 1))}, target)
    result = evaluate_patterns(lambda part: np.tile([0.9, 0.1], (part.n_samples, 1)), data, detailed=True)
    assert result.as_observed["macro_f1"] is None
    yes = result.details.per_class[1]
    assert [yes[name] for name in ("precision", "recall", "f1", "auroc", "average_precision")] == [None] * 5
    assert result.details.intervals["macro_f1"] is None
    assert "class yes absent" in result.problems["a"]


def test_intervals_over_groups_are_wider_if_groups_repeat_their_samples():
    codes, probabilities = rare(100, digits=3)
    repeated = np.repeat(codes, 6), np.repeat(probabilities, 6, axis=0)
    by_group = report(*repeated, groups=np.repeat(np.arange(100), 6)).details
    by_sample = report(*repeated).details
    single = report(codes, probabilities).details
    assert (by_group.by_group, by_group.n_units, by_sample.n_units) == (True, 100, 600)
    for name in ("accuracy", "auroc", "nll", "brier"):
        width = {key: np.diff(each.intervals[name]) for key, each in
                 {"group": by_group, "sample": by_sample, "single": single}.items()}  # fmt: skip
        assert width["group"] > 1.7 * width["sample"]
        assert width["group"] == pytest.approx(width["single"], rel=1e-6)
