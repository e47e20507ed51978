"""Cross-validation of a run."""

import json

import numpy as np
import pytest

from redcore import fit_run
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, RunError, SettingsError
from redcore.runs import CrossValidation, Run, prepare, read_result
from redcore.runs._fold_scores import fold_mean
from redcore.runs._folder import write_folds


def make(labels, groups=None, split=None, target=None):
    rng, codes = np.random.default_rng(0), np.unique(labels, return_inverse=True)[1]
    X = {"audio": rng.normal(size=(len(codes), 3)) + codes[:, None], "text": rng.normal(size=(len(codes), 2))}
    X["text"][::3] = np.nan
    return MultimodalData.from_arrays(X, target or Target.from_labels(labels), groups=groups, split=split)


@pytest.fixture(scope="module")
def data():
    """Return 60 samples of 30 patients, of which 6 are ill."""
    return make(np.repeat(np.array(["well"] * 4 + ["ill"])[np.arange(30) % 5], 2), np.repeat(np.arange(30), 2))


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("cv") / "run"
    fit_run(data, out, method="late_fusion", cv=3)
    return out


def test_every_sample_is_scored_once_and_the_model_is_fitted_to_all(data, folder):
    run = Run.load(folder)
    content = json.loads((folder / "cross_validation.json").read_text())
    assert [fold["n_samples"]["test"] for fold in content["folds"]] == [20, 20, 20]
    assert all(fold["n_samples"]["train"] + fold["n_samples"]["test"] == 60 for fold in content["folds"])
    assert content["per_class"][0]["class"] == "ill"
    assert content["per_class"][0]["n_samples"] == [4, 4, 4]
    assert np.sum(content["confusion"]) == content["means"]["as_observed"]["n_samples"] == 60
    assert content["means"]["text"]["n_samples"] == 40
    accuracies = [fold["metrics"]["as_observed"]["accuracy"] for fold in content["folds"]]
    assert content["means"]["as_observed"]["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert run.record["n_samples"] == {"train": 60, "validation": 0, "test": 0}
    assert run.metrics is None
    with pytest.raises(RunError, match=r"trained on all samples of this data \(cross_validation.json has the scores"):
        run.evaluate(data)


def test_the_scores_of_a_fold_are_those_of_a_fit_without_its_samples(data, folder):
    run = Run.load(folder)
    fold = Run.prepare(data, run.request)
    fold = fold.cross_validate(fit_fold=lambda fold, number, checkpoint: fold.fit())
    assert fold.cross_validation.to_dict()["means"] == run.cross_validation.to_dict()["means"]
    for number in (1, 2, 3):
        held_out = prepare(data, run.request, fold=number).split == 2
        assert not set(data.groups[held_out]) & set(data.groups[~held_out])


def test_finished_folds_are_not_fitted_again(data, folder, tmp_path):
    request = Run.load(folder).request
    run, out, fitted = Run.prepare(data, request), tmp_path, []

    def fit_fold(fold, number, checkpoint):
        fitted.append(number)
        return fold.fit(checkpoint=checkpoint)

    def fit_two(fold, number, checkpoint):
        if number == 3:
            raise KeyboardInterrupt
        return fit_fold(fold, number, checkpoint)

    with pytest.raises(KeyboardInterrupt):
        run.cross_validate(out, fit_two)
    assert "means" not in json.loads((out / "cross_validation.json").read_text())
    resumed = run.cross_validate(out, fit_fold)
    assert fitted == [1, 2, 3]
    expected = Run.load(folder).cross_validation.to_dict()
    assert resumed.cross_validation.to_dict()["means"] == expected["means"]


def test_page_card_and_result_have_the_means(folder):
    from redcore.report import run_page

    result = read_result(folder)
    mean = result.cross_validation.means("as_observed")["auroc"]
    page = run_page(result)
    assert "Scores of the folds as observed" in page
    assert f"<td>{mean.mean:.3f}</td><td>{mean.low:.3f}</td><td>{mean.high:.3f}</td>" in page
    card = (folder / "model_card.md").read_text()
    assert "Means over 3 folds" in card
    assert f"{mean.mean:.3f}" in card
    assert "no scores" not in card


def test_a_damaged_file_is_named(folder, tmp_path):
    (tmp_path / "cross_validation.json").write_text('{"n_folds": 3, "folds": [{"metrics": {}}]}')
    with pytest.raises(RunError, match=r"cross_validation.json: damaged"):
        CrossValidation.read(tmp_path)


def test_a_changed_score_of_unfinished_folds_is_found(folder, tmp_path):
    path, folds = tmp_path / "cross_validation.json", read_result(folder).cross_validation.folds
    write_folds(tmp_path, CrossValidation(3, folds[:2]))
    assert CrossValidation.read(tmp_path).folds == folds[:2]
    score = str(folds[0]["metrics"]["as_observed"]["nll"])
    path.write_text(path.read_text().replace(score, score[:-1] + str((int(score[-1]) + 1) % 10), 1))
    with pytest.raises(RunError, match=r"damaged \(its checksum differs\)"):
        CrossValidation.read(tmp_path)


CLASSES = ["well"] * 8 + ["ill"] * 2
INVALID = {
    "more folds than samples": (make(CLASSES), 11, DataError, "11 folds of 10 samples"),
    "rare class": (
        make(CLASSES),
        3,
        DataError,
        "class 'ill' occurs in 2 samples, which are fewer than 3 folds; expected at most 2 folds",
    ),
    "class in one group": (
        make(CLASSES, np.arange(10) // 2),
        2,
        DataError,
        "class 'ill' occurs in 1 groups, .* needs at least 2",
    ),
    "test split": (make(CLASSES, split=[0] * 9 + [2]), 2, DataError, r"has a test split \(1 samples\)"),
    "one fold": (make(CLASSES), 1, SettingsError, "'cv' is 1: .*greater than or equal to 2"),
    "test fraction": (make(CLASSES), 2, SettingsError, "cv and test_fraction exclude each other"),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_folds_are_rejected(case):
    data, n_folds, error, message = INVALID[case]
    fraction = {"test_fraction": 0.3} if case == "test fraction" else {}
    with pytest.raises(error, match=message):
        fit_run(data, method="late_fusion", cv=n_folds, **fraction)


def test_other_targets_have_means_without_classes():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=40)
    run = fit_run(make(np.zeros(40), target=Target.from_numbers(labels)), method="late_fusion", cv=4)
    assert run.cross_validation.score == "r2"
    assert run.cross_validation.per_class == []
    assert run.cross_validation.means("as_observed")["mae"].n_folds == 4


def test_a_score_that_no_fold_has_is_undefined():
    assert fold_mean([None, None]).mean is None
    assert vars(fold_mean([0.5, None])) == {"mean": 0.5, "low": None, "high": None, "n_folds": 1}
    clipped = fold_mean([0.9, 1.0, 1.0], (0.0, 1.0))
    assert clipped.high == 1.0
