"""Ray backend: after the loss of a node, no cell is lost and no finished cell runs again."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from redcore.benchmark import Spec, read_records, run
from redcore.exceptions import RunError

SPEC = {
    "title": "small",
    "data": [{"name": "gaussian", "options": {"n_samples": 200}}],
    "protocol": [{"name": "imbalanced", "rates": [0.2, 0.7]}],
    "method": [{"name": "redcore", "settings": {"max_epochs": 8, "latent_dim": 8}}, {"name": "prior"}],
    "n_seeds": 4,
}


@pytest.mark.skipif(
    not os.environ.get("REDCORE_SLOW"), reason="a Ray cluster takes a minute to start and stop; run make slow"
)
def test_loss_of_a_node(tmp_path):
    pytest.importorskip("ray", reason="the Ray backend is an extra")
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    script = Path(__file__).with_name("ray_two_nodes.py")
    command = [sys.executable, str(script), str(tmp_path / "spec.json"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    spec = Spec.checked(SPEC)
    keys = {cell.key() for cell in spec.cells()}
    assert len(result["killed"]) == 1
    # every cell is yielded once and finished once
    assert sorted(result["keys"]) == sorted(keys)
    finished = Counter(line["key"] for line in result["log"] if line["event"] == "finished")
    assert finished == Counter(keys)
    # only the cell that was running on the lost node was started a second time
    started = [line for line in result["log"] if line["event"] == "started"]
    lost = {line["key"] for line in started if line["node"] == result["dead"]} - {
        line["key"] for line in result["log"] if line["event"] == "finished" and line["node"] == result["dead"]
    }
    assert len(lost) == 1
    assert Counter(line["key"] for line in started) == Counter(keys) + Counter(lost)
    run(spec, tmp_path / "here")
    here = {record.key: record.result() for record in read_records(tmp_path / "here")}
    assert {record.key: record.result() for record in read_records(tmp_path / "out")} == here


def test_a_missing_ray_package_raises_with_the_install_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r"pip install 'redcore\[ray\]'"):
        run(Spec.checked(SPEC), tmp_path, backend="ray")
