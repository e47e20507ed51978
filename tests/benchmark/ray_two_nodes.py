"""Run a small benchmark on two Ray nodes on this machine, and kill one in mid-run; ``told.json`` says what came of it.

A script, not a test: it is run by `test_ray.py` in a process of its own, which Ray fills with threads and processes.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from redcore.benchmark import Spec
from redcore.benchmark._queue import Queue
from redcore.benchmark._ray import on_ray
from redcore.benchmark._worker import Work


class LoggedWork(Work):
    """Notes in the shared folder when a cell is begun and ended, and on which node."""

    def __call__(self, cell):
        if self.is_done(cell):
            return super().__call__(cell)
        self._note("begun", cell)
        record = super().__call__(cell)
        self._note("ended", cell)
        return record

    def _note(self, what, cell):
        node = ray.get_runtime_context().get_node_id()
        with (self.folder / "log.jsonl").open("a") as stream:
            stream.write(json.dumps({"what": what, "key": cell.key(), "node": node, "time": time.time()}) + "\n")


def lines(folder):
    path = folder / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kill_when_busy(cluster, node, folder, killed):
    """Kill the node as soon as it runs a cell and another one has been ended somewhere."""
    while True:
        found = lines(folder)
        own = [line["what"] for line in found if line["node"] == node.node_id]
        if any(line["what"] == "ended" for line in found) and own.count("begun") > own.count("ended"):
            break
        time.sleep(0.02)
    cluster.remove_node(node, allow_graceful=False)
    killed.append(time.time())


def main(spec_file: Path, folder: Path) -> None:
    spec = Spec.checked(json.loads(spec_file.read_text()))
    for name in ("records", "predictions"):
        (folder / name).mkdir(parents=True)
    # Ray lowers the priority of its workers so far that beside other work they would hardly run
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    other = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    killed: list[float] = []
    killer = threading.Thread(target=kill_when_busy, args=(cluster, other, folder, killed))
    killer.start()
    keys = [record.key for record in on_ray(Queue(spec.cells()), LoggedWork(folder), None)]
    killer.join(timeout=60)
    told = {"keys": keys, "dead": other.node_id, "killed": killed, "log": lines(folder)}
    # not to the output, where Ray writes as well
    (folder / "told.json").write_text(json.dumps(told))
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
