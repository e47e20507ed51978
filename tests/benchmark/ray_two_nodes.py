"""Run a small benchmark on two Ray nodes on this machine, kill one node during the run and write ``result.json``.

`test_ray.py` runs this script in a separate process because Ray starts many threads and processes.
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
    """Task that logs the start and the end of every cell, with its node, to the shared folder."""

    def __call__(self, cell):
        if self.is_done(cell):
            return super().__call__(cell)
        self._log("started", cell)
        record = super().__call__(cell)
        self._log("finished", cell)
        return record

    def _log(self, event, cell):
        node = ray.get_runtime_context().get_node_id()
        with (self.folder / "log.jsonl").open("a") as stream:
            stream.write(json.dumps({"event": event, "key": cell.key(), "node": node, "time": time.time()}) + "\n")


def lines(folder):
    path = folder / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kill_when_busy(cluster, node, folder, killed):
    """Kill the node as soon as it runs a cell and any node has finished one."""
    while True:
        log = lines(folder)
        events = [line["event"] for line in log if line["node"] == node.node_id]
        if any(line["event"] == "finished" for line in log) and events.count("started") > events.count("finished"):
            break
        time.sleep(0.02)
    cluster.remove_node(node, allow_graceful=False)
    killed.append(time.time())


def main(spec_file: Path, folder: Path) -> None:
    spec = Spec.checked(json.loads(spec_file.read_text()))
    for name in ("records", "predictions"):
        (folder / name).mkdir(parents=True)
    # by default, Ray lowers the priority of its workers so much that they hardly run next to other processes
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    other = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    killed: list[float] = []
    killer = threading.Thread(target=kill_when_busy, args=(cluster, other, folder, killed))
    killer.start()
    keys = [record.key for record in on_ray(Queue(spec.cells()), LoggedWork(folder), None)]
    killer.join(timeout=60)
    result = {"keys": keys, "dead": other.node_id, "killed": killed, "log": lines(folder)}
    # written to a file because Ray prints to stdout
    (folder / "result.json").write_text(json.dumps(result))
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
