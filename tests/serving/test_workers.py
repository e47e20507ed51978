"""Several worker processes on one port: summed metrics, replaced workers, logs as JSON, and the end of the service."""

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from service_process import ServiceProcess, save_small_model

BODY = json.dumps({"samples": [{"text": [0.1, 0.2, 0.3, 0.4]}] * 4})
N_REQUESTS = 60


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "model"
    save_small_model(folder)
    return folder


def ask(port, method="GET", path="/metrics", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", "X-Request-ID": "r1"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    processes = [int(line) for line in listed.stdout.split()]
    return [one for one in processes if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def has_ended(pid):
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return True


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_metrics_are_sums_and_a_dead_worker_is_replaced(model):
    with ServiceProcess(model, "--workers", "2", "--log-format", "json") as service:
        wait_until(lambda: len(children(service.process.pid)) == 2)
        for _ in range(N_REQUESTS):
            assert ask(service.port, "POST", "/predict", BODY)[0] == 200
        for _ in range(6):
            # whichever worker answers, the counts are those of all
            _, metrics = ask(service.port)
            assert f"redcore_samples_total {4.0 * N_REQUESTS}" in metrics
            assert f'redcore_requests_total{{path="/predict",status="200"}} {float(N_REQUESTS)}' in metrics
        first = children(service.process.pid)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(set(children(service.process.pid)) - set(first)) == 1)
        assert ask(service.port, "POST", "/predict", BODY)[0] == 200
        wait_until(lambda: f"redcore_samples_total {4.0 * (N_REQUESTS + 1)}" in ask(service.port)[1])
        last = children(service.process.pid)
        service.process.send_signal(signal.SIGTERM)
        _, log = service.process.communicate(timeout=60)
        assert service.process.returncode == 0
        assert all(has_ended(pid) for pid in last)
    lines = [json.loads(line) for line in log.decode().splitlines()]
    requests = [line for line in lines if line.get("path") == "/predict"]
    assert len(requests) == N_REQUESTS + 1
    assert {line["id"] for line in requests} == {"r1"}
    messages = [line.get("message", "") for line in lines]
    assert any("it is replaced" in message for message in messages)
    assert sum(f"POST http://127.0.0.1:{service.port}/predict" in message for message in messages) == 1


def test_workers_end_with_a_killed_service(model):
    with ServiceProcess(model, "--workers", "2") as service:
        wait_until(lambda: len(children(service.process.pid)) == 2)
        workers = children(service.process.pid)
        service.process.kill()
        wait_until(lambda: all(has_ended(pid) for pid in workers), 60)
