import json
from itertools import combinations

import numpy as np
import pyarrow.parquet as pq
import pytest

from factories import ANY_DATA_METHODS
from redcore.cli import main
from redcore.export import load_model
from redcore.methods import NetworkMethod, make_method, method_class
from redcore.metrics import pattern_name

KINDS = ["multiclass", "binary", "multilabel", "regression", "ragged"]
FILES = {
    "history.parquet", "metrics.json", "model", "model_card.md", "predictions.parquet", "report.html", "request.json",
    "run.json", "samples.parquet", "settings.json", "supervision.png", "validation.parquet",
}  # fmt: skip
RATES = {"fourier": 0.2, "gradients": 0.5, "pixels": 0.8, "profiles": 0.4}


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def read_table(path):
    return {name: np.array(column.to_pylist()) for name, column in zip(*_names_columns(path), strict=True)}


def _names_columns(path):
    table = pq.read_table(path)
    return table.column_names, table.columns


def observed(samples):
    return {name.removeprefix("observed_"): column for name, column in samples.items() if name.startswith("observed_")}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def run(kind, tmp_path_factory, write_npz, small):
    """Return a finished run with all missing rates 0.25 and custom, unsorted sample ids."""
    folder = tmp_path_factory.mktemp(kind)
    data = write_npz(folder / "data.npz", kind, sample_id=[f"clip{(37 * i) % 60:02}" for i in range(60)])
    arguments = ["fit", str(data), "--out", str(folder / "run"), *small, "--missing-rate", "0.25", "--seed", "7"]
    assert main(arguments) == 0
    return folder / "run"


@pytest.fixture
def modalities(kind):
    return ["audio", "motion", "text"] if kind == "ragged" else ["audio", "text"]


def test_the_run_folder_holds_these_files_and_nothing_else(run):
    assert {path.name for path in run.iterdir()} == FILES
    assert {path.name for path in (run / "model").iterdir()} == {"model.json", "model.safetensors"}
    assert (run / "supervision.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_log_every_writes_tensorboard_logs(cli, make_npz, small, tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra")
    result = cli("fit", make_npz(), "--out", tmp_path / "run", *small, "--log-every", 5)
    assert result.status == 0
    assert list((tmp_path / "run" / "tensorboard" / "network-1").glob("events.out.*"))


def test_the_request_is_saved(run, modalities):
    request = read_json(run / "request.json")
    assert request["data"] == str(run.parent / "data.npz")
    assert request["settings"] == {"max_epochs": "2", "latent_dim": "8", "imputer_layers": "8"}
    assert request["missing_rates"] == dict.fromkeys(modalities, 0.25)
    assert (request["method"], request["protocol"], request["seed"]) == ("stacked", "imbalanced", 7)
    assert read_json(run / "run.json")["request"] == request


def test_settings_are_the_resolved_configuration(run):
    expected = make_method("stacked", settings={"max_epochs": 2, "latent_dim": 8, "imputer_layers": [8]}).settings
    assert read_json(run / "settings.json") == {"method": "stacked", "settings": expected.dump()}


def test_metrics_cover_every_missing_pattern(run, modalities):
    metrics = read_json(run / "metrics.json")
    patterns = ["+".join(p) for size in range(1, len(modalities) + 1) for p in combinations(modalities, size)]
    assert list(metrics["per_pattern"]) == patterns
    assert metrics["pooled"]["n_samples"] == sum(entry["n_samples"] for entry in metrics["per_pattern"].values())
    assert metrics["as_observed"]["n_samples"] == read_json(run / "run.json")["n_samples"]["test"] == 12
    for entry in [*metrics["per_pattern"].values(), metrics["pooled"], metrics["as_observed"]]:
        assert all(score is None or np.isfinite(score) for score in entry.values())


def test_predictions_are_of_the_test_rows_in_order(run, kind):
    samples, predictions = read_table(run / "samples.parquet"), read_table(run / "predictions.parquet")
    ids = [f"clip{(37 * i) % 60:02}" for i in range(60)]
    assert samples["sample_id"].tolist() == ids
    assert predictions["sample_id"].tolist() == samples["sample_id"][samples["part"] == "test"].tolist()
    with np.load(run.parent / "data.npz") as file:
        target = file["y"][samples["part"] == "test"]
        target = file["class_names"][target] if "class_names" in file else target
    if kind != "multilabel":
        assert predictions["target"].tolist() == target.tolist()


def test_probabilities_are_probabilities(run, kind):
    predictions = read_table(run / "predictions.parquet")
    probability = np.array([column for name, column in predictions.items() if name.startswith("probability_")]).T
    if kind == "regression":
        assert probability.size == 0
        assert np.isfinite(predictions["prediction"]).all()
        return
    assert ((probability >= 0) & (probability <= 1)).all()
    if kind == "multilabel":
        for label in range(3):
            chosen = predictions[f"prediction_{label}"]
            assert (chosen == (predictions[f"probability_{label}"] >= 0.5)).all()
        return
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    classes = np.array(["neg", "pos"] if kind == "binary" else [0, 1, 2])
    # the decision rule of the model does not always select the most probable class
    assert (predictions["prediction"] == classes[load_model(run / "model").decide(probability)]).all()


def test_history_has_one_row_per_step_and_epoch(run, modalities):
    record, steps = read_json(run / "run.json"), read_table(run / "history.parquet")
    assert len(steps["loss"]) == record["n_steps"] > 0
    for name in modalities:
        assert steps[f"supervision_weight/{name}"].shape == steps[f"relative_advantage/{name}"].shape
        assert record["supervision_weights"][name] > 0
        assert np.isfinite(record["relative_advantage"][name])
    assert len(read_table(run / "validation.parquet")["validation_loss"]) == 2
    assert record["best_epoch"] in (0, 1)


def test_requested_rates_are_exact_and_recorded(cli, tmp_path):
    rates = [text for name, rate in RATES.items() for text in ("--missing-rate", f"{name}={rate}")]
    run = tmp_path / "run"
    assert cli("fit", "digits", "--out", run, "--method", "late_fusion", *rates).status == 0
    samples, record = read_table(run / "samples.parquet"), read_json(run / "run.json")
    assert record["n_samples"] == {part: int((samples["part"] == part).sum()) for part in record["n_samples"]}
    for part in ("train", "validation", "test"):
        rows = samples["part"] == part
        missing = {name: int((~column[rows]).sum()) for name, column in observed(samples).items()}
        requested = RATES if part != "test" else dict.fromkeys(RATES, 0.0)
        assert missing == {name: round(rate * rows.sum()) for name, rate in requested.items()}
        realised = {name: count / rows.sum() for name, count in missing.items()}
        assert record["realised_missing_rates"][part] == pytest.approx(realised, abs=1e-12)
    assert np.any(list(observed(samples).values()), axis=0).all()


def test_missing_entries_of_the_file_stay_missing(cli, make_npz, tmp_path):
    data = make_npz("binary")
    assert (
        cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion", "--missing-rate", "text=0.4").status == 0
    )
    samples = read_table(tmp_path / "run" / "samples.parquet")
    assert not (samples["observed_text"] & (np.arange(60) % 4 == 0)).any()
    assert samples["observed_audio"].all()
    test = samples["part"] == "test"
    assert (samples["observed_text"] == (np.arange(60) % 4 > 0))[test].all()


@pytest.mark.filterwarnings("always::redcore.exceptions.EmptySampleWarning")
def test_allow_empty_permits_samples_without_modalities(cli, make_npz, tmp_path):
    fit = ("fit", make_npz(), "--method", "late_fusion", "--missing-rate", "0.6")
    assert cli(*fit, "--out", tmp_path / "a").status == 2
    assert not (tmp_path / "a").exists()
    result = cli(*fit, "--out", tmp_path / "b", "--allow-empty")
    assert result.status == 0
    assert "observe no modality and are left out of training" in result.err
    samples = read_table(tmp_path / "b" / "samples.parquet")
    train = samples["part"] == "train"
    assert [int((~column[train]).sum()) for column in observed(samples).values()] == [round(0.6 * train.sum())] * 2


def test_the_split_of_the_data_is_used(cli, make_npz, tmp_path):
    split = np.repeat([2, 1, 0], [10, 15, 35])
    assert cli("fit", make_npz(split=split), "--out", tmp_path / "run", "--method", "late_fusion").status == 0
    parts = read_table(tmp_path / "run" / "samples.parquet")["part"]
    assert parts.tolist() == ["test"] * 10 + ["validation"] * 15 + ["train"] * 35


def test_without_a_split_the_test_split_is_stratified(cli, make_npz, tmp_path):
    arguments = ("fit", make_npz(), "--method", "late_fusion", "--test-fraction", 0.3)
    assert cli(*arguments, "--out", tmp_path / "run").status == 0
    part = read_table(tmp_path / "run" / "samples.parquet")["part"]
    assert np.bincount((np.arange(60) % 3)[part == "test"]).tolist() == [6, 6, 6]
    assert (part == "train").sum() == 42
    assert cli(*arguments, "--out", tmp_path / "other", "--seed", 1).status == 0
    assert part.tolist() != read_table(tmp_path / "other" / "samples.parquet")["part"].tolist()


def test_groups_are_never_split(cli, make_npz, tmp_path):
    group = np.arange(60) // 6
    assert cli("fit", make_npz(group=group), "--out", tmp_path / "run", "--method", "late_fusion").status == 0
    part = read_table(tmp_path / "run" / "samples.parquet")["part"]
    assert {len(set(part[group == g])) for g in range(10)} == {1}
    assert (part == "test").sum() == 12


def test_without_a_test_split_there_are_no_metrics(cli, make_npz, tmp_path):
    data, run = make_npz(), tmp_path / "run"
    result = cli("fit", data, "--out", run, "--method", "late_fusion", "--test-fraction", 0, "--json")
    assert result.json["metrics"] is None
    assert result.json["n_samples"] == {"train": 60, "validation": 0, "test": 0}
    assert not (run / "metrics.json").exists()
    assert cli("evaluate", run, data).status == 2
    assert cli("evaluate", run, data, "--rows", "all").status == 0


@pytest.mark.parametrize("method", ANY_DATA_METHODS)
def test_values_of_missing_entries_change_no_bit(cli, make_npz, tmp_path, small, method):
    settings = small[:4] if issubclass(method_class(method), NetworkMethod) else ()
    values = np.random.default_rng(1).normal(size=(60, 4))
    outcomes = []
    for planted in (0.0, 1e30, np.nan, np.inf):
        text = np.where((np.arange(60) % 4 > 0)[:, None], values, planted)
        data = make_npz("binary", f"{planted}.npz", x_text=text)
        run, out = tmp_path / f"run{planted}", tmp_path / f"{planted}.csv"
        rates = ("--missing-rate", "audio=0.3", "--missing-rate", "text=0.3")
        assert cli("fit", data, "--out", run, "--method", method, *settings, *rates).status == 0
        assert cli("predict", run, data, "--out", out).status == 0
        outcomes.append([(run / "model" / "model.safetensors").read_bytes(), out.read_bytes(),
                         (run / "metrics.json").read_bytes()])  # fmt: skip
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(cli, make_npz, tmp_path, small):
    data = make_npz("ragged")
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert cli("fit", data, "--out", tmp_path / out, *small, "--seed", seed, "--missing-rate", 0.3).status == 0
    a, b, c = ((tmp_path / out / "model" / "model.safetensors").read_bytes() for out in "abc")
    assert a == b
    assert a != c
    for file in ("metrics.json", "predictions.parquet", "samples.parquet", "history.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_preset_and_settings_are_resolved(cli, make_npz, tmp_path):
    changes = {"latent_dim": 8, "imputer_layers": "8", "imputer_blocks": 1, "max_epochs": 1, "weight_step_max": "none"}
    options = [text for key, value in changes.items() for text in ("--set", f"{key}={value}")]
    assert cli("fit", make_npz(), "--out", tmp_path / "run", "--preset", "aaai2024", *options).status == 0
    expected = make_method("redcore", "aaai2024", changes).settings
    assert expected.encoder == "transformer"
    assert expected.weight_step_max is None
    assert read_json(tmp_path / "run" / "settings.json")["settings"] == expected.dump()


def test_a_plain_rate_applies_to_all_and_a_later_rate_overrides(cli, make_npz, tmp_path):
    rates = ("--missing-rate", "0.25", "--missing-rate", "text=0.5")
    assert cli("fit", make_npz(), "--out", tmp_path / "run", "--method", "late_fusion", *rates).status == 0
    assert read_json(tmp_path / "run" / "request.json")["missing_rates"] == {"audio": 0.25, "text": 0.5}


def test_json_is_one_object_with_the_record_and_the_metrics(cli, make_npz, tmp_path, small):
    result = cli("fit", make_npz("regression"), "--out", tmp_path / "run", *small, "--json")
    assert result.status == 0
    assert result.out.count("\n") == 1
    metrics = read_json(tmp_path / "run" / "metrics.json")
    assert metrics.pop("part") == "test"
    assert result.json.pop("run") == str(tmp_path / "run")
    assert result.json["metrics"] == metrics
    assert {**read_json(tmp_path / "run" / "run.json"), "run": result.json["run"], "metrics": metrics} == result.json


def test_the_table_agrees_with_the_metrics(cli, make_npz, tmp_path):
    result = cli("fit", make_npz(), "--out", tmp_path / "run", "--method", "late_fusion")
    metrics = read_json(tmp_path / "run" / "metrics.json")
    for pattern, entry in metrics["per_pattern"].items():
        (line,) = [line for line in result.out.splitlines() if f" {pattern} " in line]
        assert f"{entry['macro_f1']:.3f}" in line
    assert f"Run folder: {tmp_path / 'run'}" in result.out


@pytest.mark.parametrize("name", ["a[/b]", "_hidden", "a$\\foo$", "a/b.c", "Größe"])
def test_unusual_modality_names(cli, make_npz, tmp_path, small, name):
    data = make_npz(**{f"x_{name}": np.random.default_rng(0).normal(size=(60, 2))})
    result = cli("fit", data, "--out", tmp_path / "run", *small)
    assert result.status == 0, result.err
    assert pattern_name([name]) in result.out
    assert cli("evaluate", tmp_path / "run", data).status == 0


def test_text_may_be_stored_as_bytes(cli, make_npz, tmp_path):
    data = make_npz(
        "binary", class_names=np.array([b"neg", b"pos"]), sample_id=np.array([b"%d" % i for i in range(60)])
    )
    assert cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion").status == 0
    predictions = read_table(tmp_path / "run" / "predictions.parquet")
    assert set(predictions["target"]) == {"neg", "pos"}
    assert set(predictions["sample_id"]) < {str(i) for i in range(60)}
