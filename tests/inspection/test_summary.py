"""`summarise` reports planted problems, and nothing on clean data."""

import json

import numpy as np
import pandas as pd
import pytest

from redcore.data import MultimodalData, Target
from redcore.data.formats import read
from redcore.data.store import Store, write_store
from redcore.inspection import summarise
from redcore.inspection._duplicates import duplicated_columns
from redcore.missing import ampute
from redcore.report import inspection_page


def make(n=600, n_classes=3, seed=0, **more):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    arrays = {
        "audio": rng.standard_normal((n, 10)),
        "text": rng.standard_normal((n, 12)) + labels[:, None],
        "steps": [rng.standard_normal((length, 3)) for length in rng.integers(1, 9, n)],
    }
    arrays.update(more.pop("arrays", {}))
    return MultimodalData.from_arrays(arrays, more.pop("target", Target.from_labels(labels)), **more)


def texts(data, severity=None):
    findings = summarise(data).findings
    return [finding.text for finding in findings if severity in (None, finding.severity)]


def has_finding(data, text):
    return any(text in line for line in texts(data))


def test_counts_and_quantiles():
    data = MultimodalData.from_arrays(
        {"a": [[0.0, 2.0], [1.0, 2.0], None, [4.0, 2.0]], "s": [None, np.ones((3, 1)), np.ones((1, 1)), None]},
        Target.from_labels(["x", "y", "x", "x"]),
        split=[0, 0, 1, 2],
        groups=["p", "p", "q", "r"],
    )
    summary = summarise(data)
    a, s = summary.modalities
    assert (summary.n_samples, summary.n_groups, summary.parts) == (4, 3, {"train": 2, "validation": 1, "test": 1})
    assert (a.n_features, a.n_observed, a.missing_rate, a.constant, a.typical) == (2, 3, 0.25, (1,), 2.0)
    assert (s.is_sequence, s.missing_rate) == (True, 0.5)
    assert (s.lengths["0%"], s.lengths["50%"], s.lengths["100%"]) == (1, 2, 3)
    assert summary.target == {"kind": "binary", "counts": {"x": 3, "y": 1}}
    assert [(pattern.observed, pattern.n_samples) for pattern in summary.patterns] == [
        (("a",), 2),
        (("a", "s"), 1),
        (("s",), 1),
    ]
    by_class, by_split = summary.missing_by
    assert by_class.rates["a"] == {"x": pytest.approx(1 / 3), "y": 0.0}
    assert by_split.rates["a"] == {"train": 0.0, "validation": 1.0, "test": 0.0}
    json.dumps(summary.to_dict(), allow_nan=False)


def test_clean_data_has_no_findings():
    assert texts(make(split=np.repeat([0, 1, 2], 200))) == []


@pytest.mark.parametrize("n_classes", [2, 30])
def test_false_positive_rate_on_mcar_data(n_classes):
    n_rejected = 0
    for seed in range(100):
        data = make(300, n_classes, seed, split=np.repeat([0, 1, 2], 100))
        amputed = ampute(
            data, "bernoulli", {"audio": 0.3, "text": 0.5}, np.random.default_rng(seed), at_least_one=False
        )
        n_rejected += any(test.depends for test in summarise(amputed).associations)
    # family-wise level 0.01 per data set: the probability of more than 5 rejections in 100 is 5e-4
    assert n_rejected <= 5


@pytest.mark.parametrize(
    ("protocol", "on"), [("label_dependent", "class"), ("correlated", "modality text"), ("block", "group")]
)
def test_dependence_of_missingness_is_detected(protocol, on):
    data = make(groups=np.arange(600) // 30)
    options = {"block": {}}.get(protocol, {"strength": 2.0} if protocol == "label_dependent" else {})
    amputed = ampute(
        data, protocol, {"audio": 0.4, "text": 0.4}, np.random.default_rng(0), options=options, at_least_one=False
    )
    significant = {(test.modality, test.on) for test in summarise(amputed).associations if test.depends}
    assert ("audio", on) in significant
    if protocol == "correlated":
        assert {factor for _, factor in significant} == {on}


def test_dependence_on_a_continuous_target_is_detected():
    data = make(target=Target.from_numbers(np.random.default_rng(0).standard_normal(600)))
    options = {"strength": 1.5}
    amputed = ampute(data, "label_dependent", {"text": 0.4}, np.random.default_rng(0), options=options)
    assert has_finding(amputed, "missingness of text depends on the target")


def test_modality_missing_in_one_split():
    split = np.repeat([0, 1, 2], 200)
    data = make(split=split).hide({"audio": split < 2, "text": np.ones(600, bool), "steps": np.ones(600, bool)})
    assert "audio is missing in all 200 samples of split test but not in all others: split-dependent" in texts(
        data, "warning"
    )


def test_modalities_and_samples_without_observations():
    data = make().hide({"audio": np.zeros(600, bool), "text": np.arange(600) > 2, "steps": np.arange(600) > 2})
    assert texts(data, "warning") == ["audio is missing in every sample", "3 samples have no modality at all"]


def test_leakage():
    split = np.repeat([0, 1, 2], 200)
    rng = np.random.default_rng(1)
    audio, text = rng.standard_normal((600, 10)), rng.standard_normal((600, 12))
    audio[[450, 500]], text[450] = audio[[3, 4]], text[3]
    ids = np.array([f"S{k}" for k in range(600)])
    ids[550] = "s7 "
    groups = np.arange(600) // 40  # group 5 covers 200 to 239, group 4 covers 160 to 199, group 9 covers 360 to 399
    groups[599] = 2
    data = MultimodalData.from_arrays({"audio": audio, "text": text}, split=split, sample_ids=ids, groups=groups)
    leaks = summarise(data).leakage
    assert (leaks.n_identical_samples, leaks.identical_samples) == (1, ("S450",))
    assert leaks.identical == {"audio": 2, "text": 1}
    assert (leaks.n_ids, set(leaks.ids)) == (2, {"S7", "s7 "})
    assert leaks.groups == ("2",)
    assert summarise(make()).leakage is None
    for text in (
        "1 validation or test samples are bit-identical",
        "2 sample ids occur in several",
        "1 groups occur in",
    ):
        assert has_finding(data, text)


def test_equal_values_of_few_features_are_not_reported():
    rng = np.random.default_rng(0)
    arrays = {"rooms": rng.integers(1, 4, (600, 2)).astype(float), "text": rng.standard_normal((600, 12))}
    data = MultimodalData.from_arrays(arrays, split=np.repeat([0, 1, 2], 200))
    assert summarise(data).leakage.identical["rooms"] > 100
    assert texts(data) == ["the data has no target"]


def test_suspicious_features():
    rng = np.random.default_rng(0)
    audio = rng.standard_normal((600, 10))
    audio[:, 3] = 7.0
    audio[50, 6] = 1e30
    audio[:20] = 0.0
    text = np.exp(3 * rng.standard_normal((600, 12)))
    data = make(arrays={"audio": audio, "text": text, "tiny": 1e-6 * rng.standard_normal((600, 2))})
    summary = summarise(data)
    by_name = {modality.name: modality for modality in summary.modalities}
    assert by_name["audio"].exploding == (6,)
    assert by_name["audio"].n_zero == 20
    assert len(by_name["text"].skewed) == 12
    for text in (
        "audio: features 6 have values over 1000 times",
        "audio is all zeros in 20 samples",
        "values are tiny",
    ):
        assert has_finding(data, text)
    assert has_finding(
        make(arrays={"audio": np.full((600, 10), 7.0)}), "audio: constant features: 0, 1, 2, 3, 4, ... (10 in total)"
    )


def test_suspicious_targets():
    rng = np.random.default_rng(0)
    labels = np.sort(rng.choice(3, 600, p=[0.9, 0.07, 0.03]))
    split = rng.permutation(np.repeat([0, 2], 300))
    split[labels == 2] = 2
    data = make(target=Target.from_labels(labels, classes=[0, 1, 2, 9]), split=split)
    assert has_finding(data, "long runs of one class")
    assert has_finding(data, "the largest class has")
    assert has_finding(data, "classes without any sample: 9")
    assert "the train split has no sample of classes 2" in texts(data, "warning")


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_samples(n):
    data = MultimodalData.from_arrays({"a": np.ones((n, 2)), "b": [None] * (n - 1) + [[1.0]]})
    assert summarise(data).n_samples == n


def test_stored_data_has_the_same_summary(tmp_path):
    data = make(split=np.repeat([0, 1, 2], 200))
    amputed = ampute(data, "label_dependent", {"audio": 0.3, "steps": 0.5}, np.random.default_rng(0))
    write_store(amputed, tmp_path / "store", title="")
    assert summarise(Store(tmp_path / "store").data()) == summarise(amputed)


def test_real_data(shared_data):
    # the 100 classes are whole numbers
    tasks = dict.fromkeys(("mosi", "wesad", "utd_mhad", "tcga_breast", "houses"), "auto") | {"leaves100": "classes"}
    findings = {name: texts(read(shared_data / f"{name}.npz", options={"task": task})) for name, task in tasks.items()}
    split_dependent = "protein is missing in all 70 samples of split test but not in all others: split-dependent"
    assert [name for name, lines in findings.items() if split_dependent in lines] == ["tcga_breast"]
    assert any("margin: values are tiny" in line for line in findings["leaves100"])
    assert any("eda: 3 of 3 features are skewed" in line for line in findings["wesad"])
    assert any("long runs of one class" in line for line in findings["leaves100"])
    assert not any("several splits" in line or "bit-identical" in line for lines in findings.values() for line in lines)


def test_codes_of_categories_do_not_count_as_sizes():
    table = np.column_stack([np.full(60, 5.0), np.arange(60) % 3])
    data = MultimodalData.from_arrays(
        {"table": table, "ward": table[:, 1:]},
        feature_names={"table": ["crp", "ward"], "ward": ["ward"]},
        categories={name: {"ward": ["x", "y", "z"]} for name in ("table", "ward")},
    )
    summary = summarise(data)
    assert [modality.typical for modality in summary.modalities] == [5.0, None]
    assert any(finding.text == "table: constant features: crp" for finding in summary.findings)
    assert "<td>5</td><td>1</td>" in inspection_page(summary, "table")


def test_missing_cells_are_listed_and_do_not_disturb_other_findings():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 4))
    values[:20, 1] = np.nan
    values[:, 3] = np.nan
    data = MultimodalData.from_arrays({"lab": values}, feature_names={"lab": ["crp", "hb", "na", "k"]})
    summary = summarise(data)
    assert summary.modalities[0].missing_cells == {"hb": 0.1, "k": 1.0}
    assert summary.modalities[0].constant == (3,)
    assert np.isfinite(summary.modalities[0].typical)
    assert any(
        "cells are missing in observed samples (hb 10.0%, k 100.0%)" in finding.text for finding in summary.findings
    )


def test_duplicated_columns_are_listed():
    rng = np.random.default_rng(0)
    lab = pd.DataFrame({"crp": rng.normal(size=100), "ward": rng.choice(["a", "b"], 100), "zero": 0.0, "one": 0.0})
    lab["crp again"] = lab["crp"] = lab["crp"].mask(rng.random(100) < 0.2)
    other = pd.DataFrame(
        {"crp copy": lab["crp"], "rounded": lab["crp"].round(1), "ward code": (lab["ward"] == "b") * 1.0}
    )
    data = MultimodalData.from_arrays({"lab": lab, "other": other})
    assert duplicated_columns(data) == [["lab: crp", "lab: crp again", "other: crp copy"]]
    assert has_finding(data, "columns have equal values: lab: crp = lab: crp again = other: crp copy")


def test_sentinels_and_whole_numbers_as_classes_are_warnings():
    rng = np.random.default_rng(0)
    lab = pd.DataFrame({"crp": np.where(rng.random(200) < 0.1, -999, rng.normal(size=200))})
    data = MultimodalData.from_arrays({"lab": lab}, Target.from_labels(np.arange(200) % 100))
    found = texts(data, "warning")
    assert any("-999 in 10.5% of lab: crp" in text for text in found)
    assert any("different whole numbers from 0 to 99: a continuous target (task=numbers)?" in text for text in found)


def test_codes_of_categories_are_not_called_skewed_or_zero():
    ward = pd.Categorical(["a"] * 300 + ["z"] * 3)
    (lab,) = summarise(MultimodalData.from_arrays({"lab": pd.DataFrame({"ward": ward})})).modalities
    assert (lab.skewed, lab.n_zero) == ((), 0)
