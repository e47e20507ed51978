"""Benchmark runner: equal masks for all methods, records of failures, and resumed runs."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures.process import _ExecutorManagerThread
from pathlib import Path

import numpy as np
import pytest

from redcore.benchmark import Spec, conflicts, learning_balance, missing_cells, read_records, read_spec, run, spec_names
from redcore.benchmark._memory import PeakMemory
from redcore.benchmark._splits import prepare
from redcore.exceptions import DataError, RunError, SettingsError, UnknownNameError

TINY = {"max_epochs": 2, "latent_dim": 8, "imputer_layers": [8], "encoder_heads": 2}
BASE = "title='x'\n[[data]]\nname='d'\n[[protocol]]\nname='shared'\nrates={rates}\n[[method]]\nname='{method}'"


def spec(**changes) -> Spec:
    content = {
        "title": "small",
        "data": [{"name": "small.npz"}],
        "protocol": [{"name": "imbalanced", "rates": [0.2, 0.7], "order": k} for k in (0, 1)],
        "method": [{"name": "redcore", "settings": TINY}, {"name": "late_fusion"}],
        "n_seeds": 2,
    }
    return Spec.checked({**content, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    codes = np.arange(60) % 3
    values = {name: rng.normal(size=(60, 3)) + codes[:, None] for name in ("x_audio", "x_text")}
    np.savez(folder / "small.npz", y=codes, **values)
    return folder


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    run(spec(), out, data_folder=folder)
    return out


def results(out):
    return {record.key: record.result() for record in read_records(out)}


def test_one_record_per_cell(finished):
    records = read_records(finished)
    assert len(records) == 8
    assert {record.status for record in records} == {"done"}
    for record in records:
        assert set(record.metrics["per_pattern"]) == {"audio", "text", "audio+text"}
        outputs = np.load(finished / "predictions" / f"{record.key}.npy")
        assert outputs.shape == (record.n_samples["test"], 3)


def test_the_same_masks_for_every_method(finished):
    masks = {}
    for record in read_records(finished):
        place = (record.cell.protocol.title(), record.cell.seed)
        masks.setdefault(place, set()).add((*record.availability_checksums.values(), record.data_checksum))
    assert len(masks) == 4
    assert all(len(checksums) == 1 for checksums in masks.values())
    assert len({checksum for checksums in masks.values() for checksum in checksums}) == 4


def test_rates_are_realised_and_shifted(finished):
    for record in read_records(finished):
        expected = (0.2, 0.7) if record.cell.protocol.order == 0 else (0.7, 0.2)
        np.testing.assert_allclose(list(record.missing_rates["train"].values()), expected, atol=0.02)


def test_results_do_not_depend_on_the_number_of_processes(finished, folder, tmp_path):
    new_records = []
    run(spec(), tmp_path, data_folder=folder, n_jobs=2, progress=new_records.append)
    assert results(tmp_path) == results(finished)
    assert len(new_records) == 8
    # Python would write to the pipe of a pool's thread at exit, while the thread may close it
    assert not [thread for thread in threading.enumerate() if isinstance(thread, _ExecutorManagerThread)]


def test_only_cells_without_a_record_are_run(finished, folder, tmp_path):
    new_records = []
    run(spec(n_seeds=1), tmp_path, data_folder=folder)
    (tmp_path / "records" / f"{next(spec().cells()).key()}.json").unlink()
    run(spec(), tmp_path, data_folder=folder, progress=new_records.append)
    assert len(new_records) == 5
    assert results(tmp_path) == results(finished)


def test_a_failed_cell_is_recorded_and_the_others_run(folder, tmp_path):
    failing = spec(data=[{"name": "absent.npz"}, {"name": "small.npz"}], n_seeds=1)
    run(failing, tmp_path, data_folder=folder)
    records = read_records(tmp_path)
    assert sorted(record.status for record in records) == ["done"] * 4 + ["failed"] * 4
    failed = next(record for record in records if record.status == "failed")
    assert "absent.npz: no such file" in failed.error
    assert len(missing_cells(failing, tmp_path)) == 4


def test_a_process_that_dies_fails_its_cell_only(folder, tmp_path):
    # a worker that runs method "prior" kills itself, as the kernel does if memory runs out
    code = (
        "import json, os, signal, sys; from pathlib import Path; from redcore.benchmark import Spec, run\n"
        "import redcore.benchmark._worker as work\n"
        "if __name__ != '__main__' and 'REDCORE_DEADLY' in os.environ:\n"
        "    before = work.Work.__call__\n"
        "    def call(self, cell):\n"
        "        if cell.method.name == 'prior':\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return before(self, cell)\n"
        "    work.Work.__call__ = call\n"
        "if __name__ == '__main__':\n"
        "    benchmark = Spec.checked(json.loads(Path(sys.argv[1]).read_text()))\n"
        "    run(benchmark, Path(sys.argv[2]), data_folder=Path(sys.argv[3]), n_jobs=2)\n"
    )
    (tmp_path / "deadly.py").write_text(code)
    benchmark = spec(method=[{"name": "late_fusion"}, {"name": "prior"}], n_seeds=1)
    (tmp_path / "spec.json").write_text(json.dumps(benchmark.dump()))
    command = [sys.executable, *map(str, (tmp_path / "deadly.py", tmp_path / "spec.json", tmp_path / "out", folder))]
    subprocess.run(command, check=True, env={**os.environ, "REDCORE_DEADLY": "1"})
    records = {record.cell.method.name: set() for record in read_records(tmp_path / "out")}
    for record in read_records(tmp_path / "out"):
        records[record.cell.method.name].add((record.status, record.error))
    died = "the worker process died (killed or out of memory)"
    assert records == {"late_fusion": {("done", None)}, "prior": {("failed", died)}}


def test_each_sample_is_in_one_test_fold(folder, tmp_path):
    benchmark = spec(data=[{"name": "small.npz", "n_folds": 3}], method=[{"name": "prior"}], n_seeds=1)
    test_ids = []
    for cell in benchmark.cells():
        parts = prepare(cell, folder)
        test_ids += parts.test.sample_ids.tolist()
        assert not set(parts.train.sample_ids.tolist()) & set(parts.test.sample_ids.tolist())
        # 60 samples of three classes: each fold is as balanced as possible
        assert sorted(np.bincount(parts.test.target.values).tolist()) in ([6, 7, 7], [6, 6, 8], [7, 7, 6])
        if cell.protocol.order == 1 and cell.fold == 3:
            assert sorted(test_ids) == sorted([*range(60)] * 2)
    assert len({cell.key() for cell in benchmark.cells()}) == 6


def test_folds_never_split_groups(tmp_path):
    rng = np.random.default_rng(0)
    content = {"x_a": rng.normal(size=(40, 2)), "y": np.arange(40) % 2, "group": np.repeat(np.arange(8), 5)}
    np.savez(tmp_path / "g.npz", **content)
    benchmark = spec(data=[{"name": "g.npz", "n_folds": 4}], protocol=[{"name": "shared"}], n_seeds=1)
    for cell in benchmark.cells():
        parts = prepare(cell, tmp_path)
        assert not set(parts.train.groups.tolist()) & set(parts.test.groups.tolist())
    loose = spec(data=[{"name": "g.npz", "ignore": ["groups"]}], protocol=[{"name": "shared"}], n_seeds=1)
    assert prepare(next(loose.cells()), tmp_path).train.groups is None
    many = spec(data=[{"name": "g.npz", "n_folds": 9}], protocol=[{"name": "shared"}])
    with pytest.raises(DataError, match="9 folds of 8 groups"):
        prepare(next(many.cells()), tmp_path)


def test_folds_of_data_with_a_test_split():
    content = {"protocol": [{"name": "shared"}], "method": [{"name": "prior"}], "n_seeds": 1}
    with pytest.raises(DataError, match=r"ignore = \['split'\]"):
        prepare(next(spec(data=[{"name": "digits", "n_folds": 5}], **content).cells()))
    free = spec(data=[{"name": "digits", "n_folds": 5, "ignore": ["split"], "modalities": ["pixels"]}], **content)
    parts = prepare(next(free.cells()))
    assert parts.validation is None
    assert parts.test.n_samples == pytest.approx(1797 / 5, abs=10)
    assert parts.train.names == ("pixels",)


def test_missing_rates_per_split():
    protocol = {
        "name": "imbalanced",
        "rates": [0.0, 0.25],
        "validation_rates": [0.5, 0.0],
        "test": {"name": "fixed_patterns", "options": {"patterns": ["fourier"]}},
    }
    benchmark = spec(data=[{"name": "digits"}], protocol=[protocol], method=[{"name": "prior"}], n_seeds=1)
    parts = prepare(next(benchmark.cells()))
    realised = {
        part: [round(rate, 1) for rate in data.missing_rates.values()] for part, data in parts.observed().items()
    }
    assert realised == {"train": [0, 0.2, 0, 0.2], "validation": [0.5, 0, 0.5, 0], "test": [0, 1, 1, 1]}
    assert parts.test.availability.all()
    with pytest.raises(SettingsError, match="test and test_rates are mutually exclusive"):
        spec(protocol=[{**protocol, "test_rates": [0.1]}])


def test_the_fold_is_part_of_the_key():
    cell = next(spec().cells())
    assert cell.key() != cell.model_copy(update={"fold": 1}).key()


def test_overrides_and_shortening():
    methods = [{"name": "redcore", "settings": TINY}, {"name": "late_fusion"}]
    benchmark = spec(method=methods, override=[{"method": ["redcore"], "settings": {"latent_dim": 4}}], n_seeds=3)
    assert {cell.method.settings.get("latent_dim") for cell in benchmark.cells()} == {4, None}
    short = benchmark.shortened(1, {"max_epochs": "7"})
    assert {cell.method.settings.get("max_epochs") for cell in short.cells()} == {7, None}
    assert {cell.seed for cell in short.cells()} == {0}
    with pytest.raises(UnknownNameError, match="did you mean 'max_epochs'"):
        benchmark.shortened(settings={"max_epoch": "7"})
    with pytest.raises(SettingsError, match="unknown method of an override 'nosuch'"):
        spec(override=[{"method": ["nosuch"], "settings": {}}])


def test_content_of_records(finished):
    for record in read_records(finished):
        assert set(record.availability_checksums) == set(record.missing_rates) == {"train", "test"}
        assert sum(record.pattern_counts["train"].values()) == record.n_samples["train"]
        assert set(record.seconds) == set(record.cpu_seconds) == {"read", "fit", "predict"}
        assert record.peak_bytes > record.growth_bytes >= 0
        assert record.versions["torch"]
        if record.cell.method.name == "redcore":
            assert record.history["step"] == list(range(record.n_steps))
            assert len(record.epochs["validation_loss"]) == len(record.epoch_seconds) == 2
            assert not any(name.startswith("gradient_norm/") for name in record.history)
    assert conflicts(read_records(finished)) == []


def test_log_gradients(folder, tmp_path):
    methods = [{"name": "redcore", "settings": TINY}, {"name": "zero_fill", "settings": {"max_epochs": 2}}]
    run(spec(log_gradients=True, method=methods, n_seeds=1), tmp_path, data_folder=folder)
    for record in read_records(tmp_path):
        norms = [name for name in record.history if name.startswith("gradient_norm/")]
        assert norms == ["gradient_norm/audio", "gradient_norm/text"]
        assert 0 < learning_balance(record) <= 1


def test_memory_excludes_earlier_allocations():
    big = np.ones(30_000_000)
    del big
    watch = PeakMemory()
    if watch.start_bytes is None:
        pytest.skip("peak memory can be reset on Linux only")
    assert watch.growth() < 100e6
    big = np.ones(30_000_000)
    assert watch.growth() > 200e6
    assert watch.peak() > 200e6
    del big


def test_additional_scores_enter_records(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "s.npz", x_a=rng.normal(size=(40, 2)), y=rng.uniform(-3, 3, size=40))
    data = [{"name": "s.npz", "metrics": "mosi_scores"}]
    run(
        spec(data=data, protocol=[{"name": "shared"}], method=[{"name": "prior"}], n_seeds=1),
        tmp_path / "out",
        data_folder=tmp_path,
    )
    (record,) = read_records(tmp_path / "out")
    for scores in (record.metrics["pooled"], record.metrics["as_observed"], record.metrics["per_pattern"]["a"]):
        assert {"acc2_has0", "acc2_non0", "acc5", "acc7", "mae", "corr", "r2"} <= scores.keys()


def test_a_damaged_record_raises_with_its_name(finished, folder, tmp_path):
    run(spec(n_seeds=1), tmp_path, data_folder=folder)
    path = next((tmp_path / "records").iterdir())
    path.write_text(path.read_text()[:100])
    with pytest.raises(RunError, match=path.name):
        read_records(tmp_path)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_run_killed_at_random_times_gives_the_results_of_an_uninterrupted_run(finished, folder, tmp_path, n_jobs):
    (tmp_path / "spec.json").write_text(json.dumps(spec().dump()))
    code = (
        "import json, sys; from pathlib import Path; from redcore.benchmark import Spec, run\n"
        "if __name__ == '__main__':\n"
        "    benchmark = Spec.checked(json.loads(Path(sys.argv[1]).read_text()))\n"
        "    run(benchmark, Path(sys.argv[2]), data_folder=Path(sys.argv[3]), n_jobs=int(sys.argv[4]))\n"
    )
    (tmp_path / "go.py").write_text(code)
    out = tmp_path / "out"
    command = [sys.executable, *map(str, (tmp_path / "go.py", tmp_path / "spec.json", out, folder, n_jobs))]
    rng = random.Random(n_jobs)
    for _ in range(3):
        process = subprocess.Popen(command, start_new_session=True)
        time.sleep(rng.uniform(2, 5))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True)
    assert results(out) == results(finished)


def test_workers_exit_with_the_run(folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from redcore.benchmark import Spec, run\n"
        "if __name__ == '__main__':\n"
        "    import json; benchmark = Spec.checked(json.loads(Path(sys.argv[1]).read_text()))\n"
        "    run(benchmark, Path(sys.argv[2]), data_folder=Path(sys.argv[3]), n_jobs=2)\n"
    )
    (tmp_path / "go.py").write_text(code)
    settings = {**TINY, "max_epochs": 100_000, "max_steps": None, "patience": None}
    (tmp_path / "spec.json").write_text(json.dumps(spec(method=[{"name": "redcore", "settings": settings}]).dump()))
    command = [sys.executable, *map(str, (tmp_path / "go.py", tmp_path / "spec.json", tmp_path / "out", folder))]
    process = subprocess.Popen(command, start_new_session=True)
    group = process.pid
    deadline = time.monotonic() + 120
    # the run itself, the resource tracker and two workers (and the fork server, if there is one)
    while _members(group) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _members(group) >= 4
    time.sleep(4)
    process.kill()
    process.wait()
    # separate deadline, because start-up may have taken long on a busy machine
    deadline = time.monotonic() + 60
    while _members(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = _members(group)
    if left:
        os.killpg(group, signal.SIGKILL)
    assert left == 0


def _members(group: int) -> int:
    """Return the number of running processes of a process group."""
    output = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return sum(line.split()[0] == str(group) and "Z" not in line.split()[1] for line in output.splitlines())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title = 3", "title"),
        ("n_seeds = 2", "setting 'title' is missing; setting 'data' is missing; setting 'method' is missing"),
        ("title = 'x'\nsurprise = 1", "unknown setting 'surprise'"),
        ("[[", "Invalid|Expected"),
        (BASE.format(rates="[1.5]", method="redcore"), "rates"),
        (BASE.format(rates="[0]", method="redcor"), "did you mean 'redcore'"),
        (BASE.format(rates="[0]", method="redcore") + "\n[[data]]\nname='d'", "two entries of data have the title 'd'"),
    ],
)
def test_invalid_specs_raise_with_the_key(tmp_path, content, message):
    path = tmp_path / "spec.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=message) as error:
        read_spec(str(path))
    assert "spec.toml" in str(error.value)


def test_the_documented_specs_are_valid():
    text = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    documented = [Spec.checked(tomllib.loads(block)) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert [sum(1 for _ in one.cells()) > 0 for one in documented] == [True, True]


def test_no_modality_is_hidden_without_a_protocol():
    (cell,) = Spec.checked({"title": "x", "data": [{"name": "wine"}], "method": [{"name": "prior"}]}).cells()
    assert (cell.protocol.title(), cell.protocol.rates) == ("as recorded", (0.0,))


def test_a_method_restricted_to_some_data_sets():
    content = {"data": [{"name": "a.npz"}, {"name": "b.npz"}], "n_seeds": 1}
    methods = [{"name": "late_fusion"}, {"name": "prior", "only": ["b"]}]
    cells = list(spec(**content, method=methods).cells())
    assert len(cells) == 2 * (2 + 1)
    assert {cell.data.title() for cell in cells if cell.method.name == "prior"} == {"b"}
    with pytest.raises(SettingsError, match="unknown data set of method 'prior' 'c'"):
        spec(**content, method=[{"name": "prior", "only": ["c"]}])


def test_unknown_spec():
    with pytest.raises(SettingsError, match=r"neither a file nor a built-in benchmark \(.*quick"):
        read_spec("quik")


@pytest.mark.parametrize("name", spec_names())
def test_built_in_specs_are_valid(name):
    keys = [cell.key() for cell in read_spec(name).cells()]
    assert len(keys) == len(set(keys)) > 0


def test_labels_of_the_test_split_do_not_influence_predictions(folder, tmp_path):
    with np.load(folder / "small.npz") as archive:
        content = {**archive, "split": np.repeat([0, 2], [40, 20])}
    scrambled = {**content, "y": np.where(content["split"] == 2, np.roll(content["y"], 1), content["y"])}
    outputs = []
    for name, arrays in (("true", content), ("scrambled", scrambled)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "small.npz", **arrays)
        run(spec(), tmp_path / f"out_{name}", data_folder=tmp_path / name)
        paths = sorted((tmp_path / f"out_{name}" / "predictions").iterdir())
        outputs.append({path.name: np.load(path) for path in paths})
    assert outputs[0].keys() == outputs[1].keys()
    for name, predictions in outputs[0].items():
        np.testing.assert_array_equal(predictions, outputs[1][name])
    scores = [read_records(tmp_path / f"out_{name}")[0].metrics["pooled"]["accuracy"] for name in ("true", "scrambled")]
    assert scores[0] != scores[1]
