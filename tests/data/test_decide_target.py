"""Kind of a target that is read from a file: the same decision in every format, and a warning where it is a guess."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from redcore import MultimodalData, fit_run
from redcore.data import decide_target
from redcore.data.formats import read
from redcore.exceptions import DataWarning, TargetError
from samples.formats.h5mu import frame

AGES = np.random.default_rng(0).permutation(np.resize(np.arange(18, 91), 120))
IDS = [f"p{row:03}" for row in range(120)]
X = np.random.default_rng(1).normal(size=(120, 2)).astype(np.float32)
GUESS = r"73 different whole numbers from 18 to 90 are read as classes\. .*task=numbers"
YAML = "modalities: {lab: [a, b]}\ntarget: age\nid: patient\n"


def write_csv(folder):
    pd.DataFrame({"patient": IDS, "a": X[:, 0], "b": X[:, 1], "age": AGES}).to_csv(folder / "t.csv", index=False)
    (folder / "t.yaml").write_text(YAML)
    return folder / "t.csv"


def write_parquet(folder):
    pd.DataFrame({"patient": IDS, "a": X[:, 0], "b": X[:, 1], "age": AGES}).to_parquet(folder / "t.parquet")
    (folder / "t.yaml").write_text(YAML)
    return folder / "t.parquet"


def write_archive(folder):
    np.savez(folder / "age.npz", x_lab=X, y=AGES)
    return folder / "age.npz"


def write_folder(folder):
    root = folder / "arrays"
    (root / "lab").mkdir(parents=True)
    for name, row in zip(IDS, X, strict=True):
        np.save(root / "lab" / f"{name}.npy", row)
    rows = [f"{name},{age}" for name, age in zip(IDS, AGES, strict=True)]
    (root / "labels.csv").write_text("\n".join(["id,label", *rows]) + "\n")
    return root


def write_h5ad(folder):
    anndata = pytest.importorskip("anndata")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anndata.AnnData(X, frame(IDS, target=AGES), frame(["a", "b"])).write_h5ad(folder / "x.h5ad")
    return folder / "x.h5ad"


DOORS = {
    write_csv: "'age'",
    write_parquet: "'age'",
    write_archive: "'y'",
    write_folder: "column 'label'",
    write_h5ad: "'target'",
}


@pytest.fixture(params=DOORS, ids=lambda write: write.__name__)
def door(request, tmp_path):
    """Return a file with ages and the name of its target."""
    return request.param(tmp_path), DOORS[request.param]


def test_every_format_warns_of_whole_numbers_that_may_be_continuous(door):
    path, name = door
    with pytest.warns(DataWarning, match=f"target {name}: {GUESS}"):
        data = read(path)
    assert data.target.kind == "multiclass"
    assert len(data.target.classes) == 73


@pytest.mark.parametrize(("task", "kind"), [("numbers", "regression"), ("classes", "multiclass")])
def test_no_format_warns_if_the_kind_is_stated(door, task, kind):
    data = read(door[0], options={"task": task})
    assert data.target.kind == kind
    values = data.target.values if kind == "regression" else data.target.classes[data.target.values]
    assert values.tolist() == AGES.tolist()


def test_join_warns(tmp_path, cli):
    path = write_csv(tmp_path)
    sources, target = {"lab": f"{path}:a,b"}, f"{path}:age"
    with pytest.warns(DataWarning, match=f"target 'age': {GUESS}"):
        assert MultimodalData.join(sources, "patient", target=target).target.kind == "multiclass"
    assert MultimodalData.join(sources, "patient", target=target, task="numbers").target.kind == "regression"
    with pytest.warns(DataWarning, match=f"target of the mapping: {GUESS}"):
        MultimodalData.join(sources, "patient", target=dict(zip(IDS, AGES.tolist(), strict=True)))
    options = ("--modality", f"lab={path}:a,b", "--target", target, "--id", "patient", "--out", tmp_path / "store")
    _, _, message = cli("join", *options)
    assert "--task numbers" in message


@pytest.mark.filterwarnings("ignore::redcore.exceptions.HoldOutWarning")
def test_run_warns(tmp_path):
    with pytest.warns(DataWarning, match=f"target 'y': {GUESS}"):
        run = fit_run(write_archive(tmp_path), method="zero_fill", settings={"max_epochs": 1})
    assert run.method.schema.target_kind == "multiclass"


@pytest.mark.parametrize("command", ["fit", "inspect"])
def test_commands_warn(tmp_path, cli, command):
    path = write_archive(tmp_path)
    options = () if command == "inspect" else ("--out", tmp_path / "run", "--method", "late_fusion")
    result = cli(command, path, *options)
    assert "target 'y': 73 different whole numbers from 18 to 90" in " ".join(result.err.split())
    options = (*options[:1], tmp_path / "other", *options[2:]) if options else ()
    result = cli(command, path, *options, "--option", "task=numbers", "--json")
    assert result.status == 0
    assert "whole numbers" not in result.err
    if command == "inspect":
        assert json.loads(result.out)["target"]["kind"] == "regression"


@pytest.mark.parametrize(
    ("labels", "is_guess"),
    [
        (np.arange(500) % 20, False),  # 20 classes
        (np.arange(500) % 21, True),
        (np.arange(2000) % 25 * 1000, False),  # codes of 25 classes with 80 samples each
        (np.arange(250) % 25 * 1000, True),  # 10 samples each
        (np.array([f"{code}" for code in range(100)]), False),  # text
        (np.arange(100).astype(float), True),
        (np.array([*range(60), 1.5]), False),  # certainly continuous
    ],
)
def test_rule(labels, is_guess):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decide_target(labels, "auto", "'y'")
    assert bool(caught) == is_guess


@pytest.mark.parametrize(
    ("values", "task", "kind"),
    [
        ([1, 2, 1], "auto", "binary"),
        ([0.5, 2.0, 1.0], "auto", "regression"),
        (np.array([0.5, 2.0, 1.0], dtype=object), "auto", "regression"),
        (["a", "b", "a"], "auto", "binary"),
        ([True, False, True], "auto", "binary"),
        ([[0, 1], [1, 1]], "auto", "multilabel"),
        ([[0, 1], [1, 2]], "auto", "regression"),
        ([[0, 1], [1, 1]], "numbers", "regression"),
        ([[3.0], [4.0]], "auto", "binary"),
        ([0, 1, 1], "labels", "multilabel"),
        ([1, 2, 3], "numbers", "regression"),
    ],
)
def test_kinds(values, task, kind):
    assert decide_target(values, task, "'y'").kind == kind


@pytest.mark.parametrize(
    ("values", "task", "text"),
    [
        (["a", "1"], "numbers", "target 'y': label 'a' in row 0 is not a number"),
        ([[0, 1], [1, 2]], "labels", "zeros and ones"),
        ([[0, 1], [1, 2]], "classes", "task 'classes' needs one column, got 2 columns"),
        ([0.5, 1.0], "classes", "target 'y': .*continuous"),
        (np.array(["a", None], dtype=object), "auto", "target 'y': labels missing: row 1"),
        (np.array([0.5, np.nan]), "auto", "target 'y': labels missing: row 1"),
        ([1.0, np.inf], "numbers", "target 'y': label in row 1 is infinite"),
    ],
)
def test_errors_name_the_target(values, task, text):
    with pytest.raises(TargetError, match=text):
        decide_target(values, task, "'y'")
