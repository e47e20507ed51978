"""The runner: the same masks for all, failures recorded, and a killed run that ends like an uninterrupted one."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from redcore.benchmark import Spec, missing_cells, read_records, read_spec, run, spec_names
from redcore.exceptions import RunError, SettingsError

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
    assert all(len(found) == 1 for found in masks.values())
    assert len({found for kinds in masks.values() for found in kinds}) == 4


def test_rates_are_realised_and_shifted(finished):
    for record in read_records(finished):
        expected = (0.2, 0.7) if record.cell.protocol.order == 0 else (0.7, 0.2)
        np.testing.assert_allclose(list(record.missing_rates["train"].values()), expected, atol=0.02)


def test_processes_change_no_result(finished, folder, tmp_path):
    seen = []
    run(spec(), tmp_path, data_folder=folder, n_jobs=2, progress=seen.append)
    assert results(tmp_path) == results(finished)
    assert len(seen) == 8


def test_only_what_is_missing_is_run(finished, folder, tmp_path):
    seen = []
    run(spec(n_seeds=1), tmp_path, data_folder=folder)
    (tmp_path / "records" / f"{next(spec().cells()).key()}.json").unlink()
    run(spec(), tmp_path, data_folder=folder, progress=seen.append)
    assert len(seen) == 5
    assert results(tmp_path) == results(finished)


def test_a_failing_cell_is_recorded_and_the_rest_goes_on(folder, tmp_path):
    failing = spec(data=[{"name": "absent.npz"}, {"name": "small.npz"}], n_seeds=1)
    run(failing, tmp_path, data_folder=folder)
    records = read_records(tmp_path)
    assert sorted(record.status for record in records) == ["done"] * 4 + ["failed"] * 4
    failed = next(record for record in records if record.status == "failed")
    assert "absent.npz: no such file" in failed.error
    assert len(missing_cells(failing, tmp_path)) == 4


def test_a_damaged_record_is_named(finished, folder, tmp_path):
    run(spec(n_seeds=1), tmp_path, data_folder=folder)
    path = next((tmp_path / "records").iterdir())
    path.write_text(path.read_text()[:100])
    with pytest.raises(RunError, match=path.name):
        read_records(tmp_path)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_killed_at_random_moments_it_ends_like_an_uninterrupted_run(finished, folder, tmp_path, n_jobs):
    (tmp_path / "spec.json").write_text(json.dumps(spec().dump()))
    code = (
        "import json, sys; from pathlib import Path; from redcore.benchmark import Spec, run\n"
        "if __name__ == '__main__':\n"
        "    asked = Spec.checked(json.loads(Path(sys.argv[1]).read_text()))\n"
        "    run(asked, Path(sys.argv[2]), data_folder=Path(sys.argv[3]), n_jobs=int(sys.argv[4]))\n"
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


def test_workers_end_with_the_run(folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from redcore.benchmark import Spec, run\n"
        "if __name__ == '__main__':\n"
        "    import json; asked = Spec.checked(json.loads(Path(sys.argv[1]).read_text()))\n"
        "    run(asked, Path(sys.argv[2]), data_folder=Path(sys.argv[3]), n_jobs=2)\n"
    )
    (tmp_path / "go.py").write_text(code)
    settings = {**TINY, "max_epochs": 100_000, "max_steps": None, "patience": None}
    (tmp_path / "spec.json").write_text(json.dumps(spec(method=[{"name": "redcore", "settings": settings}]).dump()))
    command = [sys.executable, *map(str, (tmp_path / "go.py", tmp_path / "spec.json", tmp_path / "out", folder))]
    process = subprocess.Popen(command, start_new_session=True)
    group = process.pid
    deadline = time.monotonic() + 60
    while _members(group) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(4)
    process.kill()
    process.wait()
    while _members(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = _members(group)
    if left:
        os.killpg(group, signal.SIGKILL)
    assert left == 0


def _members(group: int) -> int:
    """Count the living processes of a process group."""
    found = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return sum(line.split()[0] == str(group) and "Z" not in line.split()[1] for line in found.splitlines())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title = 3", "title"),
        ("title = 'x'\nsurprise = 1", "unknown setting 'surprise'"),
        ("[[", "Invalid|Expected"),
        (BASE.format(rates="[1.5]", method="redcore"), "rates"),
        (BASE.format(rates="[0]", method="redcor"), "did you mean 'redcore'"),
        (BASE.format(rates="[0]", method="redcore") + "\n[[data]]\nname='d'", "two entries of data are called 'd'"),
    ],
)
def test_bad_specs_name_the_key(tmp_path, content, message):
    path = tmp_path / "spec.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=message) as error:
        read_spec(str(path))
    assert "spec.toml" in str(error.value)


def test_a_method_may_run_on_some_data_only():
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


def test_labels_of_the_test_part_change_no_choice(folder, tmp_path):
    with np.load(folder / "small.npz") as archive:
        content = {**archive, "split": np.repeat([0, 2], [40, 20])}
    scrambled = {**content, "y": np.where(content["split"] == 2, np.roll(content["y"], 1), content["y"])}
    outputs = []
    for name, arrays in (("true", content), ("scrambled", scrambled)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "small.npz", **arrays)
        run(spec(), tmp_path / f"out_{name}", data_folder=tmp_path / name)
        found = sorted((tmp_path / f"out_{name}" / "predictions").iterdir())
        outputs.append({path.name: np.load(path) for path in found})
    assert outputs[0].keys() == outputs[1].keys()
    for name, predictions in outputs[0].items():
        np.testing.assert_array_equal(predictions, outputs[1][name])
    scores = [read_records(tmp_path / f"out_{name}")[0].metrics["pooled"]["accuracy"] for name in ("true", "scrambled")]
    assert scores[0] != scores[1]
