"""Permutation importance of features within a modality."""

import numpy as np
import pytest

from factories import TARGETS, make_data
from redcore.data import MultimodalData, Target
from redcore.exceptions import UnknownNameError
from redcore.explain import feature_importance, feature_words
from redcore.methods import make_method


def make_known(n_samples=400, n_wide=6, repeats=1, **options):
    """Return data whose class depends on ``crp`` of blood, on column 2 of genes, and on column 0 of a sequence."""
    rng = np.random.default_rng(0)
    first, second, third = rng.normal(size=(3, n_samples))
    labels = (first + second + third > 0).astype(int)
    genes = rng.normal(size=(n_samples, n_wide))
    genes[:, 2] = second
    course = [rng.normal(size=(1 + row % 4, 2)) * 0.3 for row in range(n_samples)]
    for row, values in enumerate(course):
        values[:, 0] += third[row]
    blood = np.stack([rng.normal(size=n_samples), first], axis=1)
    rows = np.repeat(np.arange(n_samples), repeats)
    return MultimodalData.from_arrays(
        {"blood": blood[rows], "genes": genes[rows], "course": [course[row] for row in rows]},
        Target.from_labels(labels[rows]),
        feature_names={"blood": ["sodium", "crp"]},
        **options,
    )


def test_informative_features_come_first_and_noise_contains_zero():
    data = make_known()
    method = make_method("late_fusion").fit(data.take(np.arange(200)))
    results = {one.modality: one for one in feature_importance(method, data.take(np.arange(200, 400)), n_repeats=3)}
    assert {name: one.features[0].feature for name, one in results.items()} == {
        "blood": "crp", "course": "feature 0", "genes": "feature 2",
    }  # fmt: skip
    for result in results.values():
        assert result.features[0].low > 0.02
        assert all(one.high < 0.02 for one in result.features[1:])
        assert result.together.value == pytest.approx(result.features[0].value, abs=0.05)
        assert (result.rest, result.n_rest, result.interval_of) == (None, 0, "samples")
    assert "relies on crp (+" in feature_words(results["blood"]).action


def test_only_the_samples_that_observe_the_modality_are_evaluated():
    data = make_known()
    method = make_method("late_fusion").fit(data)
    data = data.hide({"blood": np.arange(400) < 150})
    blood, course, _ = feature_importance(method, data, max_samples=300, n_repeats=2)
    assert (blood.n_samples, course.n_samples) == (150, 300)
    assert [one.modality for one in feature_importance(method, data.take([160, 170]), "accuracy", n_repeats=2)] == [
        "course",
        "genes",
    ]


def test_features_beyond_the_limit_are_permuted_together():
    data = make_known(n_wide=80)
    method = make_method("late_fusion").fit(data)
    genes = next(
        one for one in feature_importance(method, data, max_features=5, n_repeats=2) if one.modality == "genes"
    )
    assert (len(genes.features), genes.n_rest, genes.n_features) == (5, 75, 80)
    # the preselection by correlation has found the informative column
    assert genes.features[0].feature == "feature 2"
    assert genes.rest is not None
    assert genes.rest.value < genes.features[0].value
    assert "the other 75 were shuffled together" in feature_words(genes).meaning


def test_redundant_features_matter_together():
    rng = np.random.default_rng(1)
    factor = rng.normal(size=200)
    values = factor[:, None] + 0.05 * rng.normal(size=(200, 8))
    data = MultimodalData.from_arrays({"rna": values}, Target.from_labels(factor > 0))
    (rna,) = feature_importance(make_method("late_fusion").fit(data), data, n_repeats=2)
    assert rna.together.value > 2 * sum(one.value for one in rna.features)
    assert "several features contain the same information" in feature_words(rna).action


def test_intervals_count_groups_once():
    single, repeated = make_known(150), make_known(150, repeats=4, groups=np.repeat(np.arange(150), 4))
    method = make_method("late_fusion").fit(single)

    def width(data):
        importance = feature_importance(method, data, n_repeats=2)[0].features[0]
        return importance.high - importance.low

    assert width(repeated) == pytest.approx(width(single), rel=0.3)
    ungrouped = MultimodalData(repeated.modalities, repeated.target, None, repeated.sample_ids, None)
    assert width(ungrouped) < 0.7 * width(repeated)


def test_categories_are_preselected():
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=300)
    labels = np.isin(codes, (0, 2))  # no correlation with the codes
    values = np.column_stack([codes, rng.normal(size=(300, 9))])
    names = ["ward", *(f"x{k}" for k in range(9))]
    data = MultimodalData.from_arrays(
        {"table": values, "other": rng.normal(size=(300, 2))},
        Target.from_labels(labels),
        feature_names={"table": names},
        categories={"table": {"ward": ["a", "b", "c", "d"]}},
    )
    method = make_method("late_fusion").fit(data)
    table = next(
        one for one in feature_importance(method, data, max_features=1, n_repeats=2) if one.modality == "table"
    )
    assert [one.feature for one in table.features] == ["ward"]
    assert table.features[0].low > 0.1


@pytest.mark.parametrize("kind", TARGETS)
def test_all_targets(kind):
    data = make_data(kind, 60, sequences=True)
    method = make_method("late_fusion").fit(data)
    results = feature_importance(method, data, n_repeats=2)
    assert [one.modality for one in results] == list(data.names)
    assert all(np.isfinite([one.value, one.low, one.high]).all() for result in results for one in result.features)
    assert results[0].interval_of == ("repeats" if kind in ("multilabel", "several numbers") else "samples")


def test_an_unknown_metric_is_named():
    data = make_data("multiclass", 60)
    with pytest.raises(UnknownNameError, match="unknown metric 'acuracy'"):
        feature_importance(make_method("late_fusion").fit(data), data, "acuracy")
