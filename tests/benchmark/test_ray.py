"""A node dies in mid-run: nothing is lost, and nothing that is done is done again."""

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


@pytest.mark.skipif(not os.environ.get("REDCORE_SLOW"), reason="a cluster takes a minute to start and stop: make slow")
def test_a_node_dies(tmp_path):
    pytest.importorskip("ray", reason="the Ray backend is an extra")
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    script = Path(__file__).with_name("ray_two_nodes.py")
    command = [sys.executable, str(script), str(tmp_path / "spec.json"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((tmp_path / "out" / "told.json").read_text())
    spec = Spec.checked(SPEC)
    keys = {cell.key() for cell in spec.cells()}
    assert len(told["killed"]) == 1
    # every cell is told of once and ended once
    assert sorted(told["keys"]) == sorted(keys)
    ended = Counter(line["key"] for line in told["log"] if line["what"] == "ended")
    assert ended == Counter(keys)
    # the one that died with its node was begun again elsewhere, and no other was
    begun = [line for line in told["log"] if line["what"] == "begun"]
    lost = {line["key"] for line in begun if line["node"] == told["dead"]} - {
        line["key"] for line in told["log"] if line["what"] == "ended" and line["node"] == told["dead"]
    }
    assert len(lost) == 1
    assert Counter(line["key"] for line in begun) == Counter(keys) + Counter(lost)
    run(spec, tmp_path / "here")
    here = {record.key: record.result() for record in read_records(tmp_path / "here")}
    assert {record.key: record.result() for record in read_records(tmp_path / "out")} == here


def test_without_ray_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r"pip install 'redcore\[ray\]'"):
        run(Spec.checked(SPEC), tmp_path, backend="ray")
