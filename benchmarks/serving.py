"""Throughput and latency of the service at 1, 16 and 64 clients, beside bare calls of the model in the same run.

    python benchmarks/serving.py [--seconds 5] [--method redcore] [--restart]

The service and its clients share this machine, on loopback. A client sends one sample of three modalities, waits for
the answer, and sends the next. The bare model is called in this process: sample by sample, and 64 samples at once.
With ``--restart`` the service is killed under load and started again: only requests that were in flight may be lost.
"""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from factories import make_data
from redcore import load_model
from service_process import ServiceProcess, save_small_model

CLIENTS = (1, 16, 64)
BODY = json.dumps({"samples": [{"audio": [[0.1, 0.2, 0.3]] * 4, "text": [0.1] * 4, "video": [0.5] * 5}]}).encode()
HEADERS = {"Content-Type": "application/json"}


def bare(model, n_samples: int, seconds: float) -> tuple[int, list[float]]:
    """Call the model again and again; return the number of samples and the time of each call."""
    data, taken = make_data("multiclass", max(3, n_samples), sequences=True, holes=False).take(range(n_samples)), []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        model.predict(data)
        taken.append(time.perf_counter() - start)
    return n_samples * len(taken), taken


class Client(threading.Thread):
    """One client: its latencies, and what it sent without getting an answer."""

    def __init__(self, port: int, end: float) -> None:
        super().__init__()
        self.port, self.end = port, end
        self.taken: list[float] = []
        self.lost, self.refused = 0, 0

    def run(self) -> None:
        connection = None
        while (start := time.perf_counter()) < self.end:
            sent = False
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                    connection.connect()
                connection.request("POST", "/predict", BODY, HEADERS)
                sent = True
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                # refused while it is down: not in flight, and so not lost
                self.lost += sent
                connection = None
                time.sleep(0.05)
                continue
            if answer.status == 200:
                self.taken.append(time.perf_counter() - start)
            else:
                self.refused += 1


def load(port: int, n_clients: int, seconds: float, during=None) -> list[Client]:
    end = time.perf_counter() + seconds
    clients = [Client(port, end) for _ in range(n_clients)]
    for client in clients:
        client.start()
    if during is not None:
        during()
    for client in clients:
        client.join()
    return clients


def show(name: str, n_samples: int, taken: list[float], seconds: float, reference: float | None) -> float:
    rate = n_samples / seconds
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1000
    share = "" if reference is None else f"{rate / reference:.2f}"
    print(f"| {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {share} |", flush=True)
    return rate


def restart(model: Path, seconds: float) -> None:
    """Kill the service under load, start it again, and count what was lost."""
    with ServiceProcess(model) as first:
        second = ServiceProcess(model, port=first.port)

        def during() -> None:
            time.sleep(seconds / 4)
            first.process.kill()
            first.process.wait()
            second.__enter__()

        clients = load(first.port, 16, seconds, during)
        lost = [client.lost for client in clients]
        answered = sum(len(client.taken) for client in clients)
        print(f"killed and started again under 16 clients: {answered} answered, {sum(lost)} lost")
        second.__exit__(None, None, None)
        # a client has one request in flight
        if max(lost) > 1:
            raise SystemExit("a request was lost that was not in flight")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--method", default="redcore")
    parser.add_argument("--restart", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        save_small_model(path, options.method)
        if options.restart:
            restart(path, options.seconds)
            return
        model = load_model(path)
        model.predict(make_data("multiclass", 64, sequences=True))
        print("| | samples per second | p50, ms | p99, ms | of the bare model, one by one |\n|---|---|---|---|---|")
        reference = show("bare model, one by one", *bare(model, 1, options.seconds), options.seconds, None)
        show("bare model, 64 at once", *bare(model, 64, options.seconds), options.seconds, reference)
        with ServiceProcess(path) as service:
            load(service.port, 4, 1)
            for n_clients in CLIENTS:
                clients = load(service.port, n_clients, options.seconds)
                taken = [one for client in clients for one in client.taken]
                show(f"service, {n_clients} client(s)", len(taken), taken, options.seconds, reference)


if __name__ == "__main__":
    main()
