"""Measure throughput and latency of the HTTP service with 1, 16 and 64 clients, compared with direct model calls.

    python benchmarks/serving.py [--seconds 5] [--method stacked] [--restart]

The service and its clients run on this machine and use the loopback interface. A client sends one sample with three
modalities, waits for the response and sends the next. Direct calls predict one sample, or 64 samples, per call in this
process. With ``--restart``, the script kills the service under load and starts it again, and checks that only requests
in flight were lost.
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


def direct_calls(model, n_samples: int, seconds: float) -> tuple[int, list[float]]:
    """Call the model repeatedly; return the number of predicted samples and the latency of each call in seconds."""
    data, latencies = make_data("multiclass", max(3, n_samples), sequences=True, holes=False).take(range(n_samples)), []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        model.predict(data)
        latencies.append(time.perf_counter() - start)
    return n_samples * len(latencies), latencies


class Client(threading.Thread):
    """Client thread that counts latencies, lost requests (sent without a response) and rejected requests."""

    def __init__(self, port: int, end: float) -> None:
        super().__init__()
        self.port, self.end = port, end
        self.latencies: list[float] = []
        self.lost, self.rejected = 0, 0

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
                # a connection that fails while the service is down is not in flight and not lost
                self.lost += sent
                connection = None
                time.sleep(0.05)
                continue
            if answer.status == 200:
                self.latencies.append(time.perf_counter() - start)
            else:
                self.rejected += 1


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


def print_row(name: str, n_samples: int, latencies: list[float], seconds: float, reference: float | None) -> float:
    rate = n_samples / seconds
    p50, p99 = np.quantile(latencies, [0.5, 0.99]) * 1000
    share = "" if reference is None else f"{rate / reference:.2f}"
    print(f"| {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {share} |", flush=True)
    return rate


def restart(model: Path, seconds: float) -> None:
    """Kill the service under load, start it again and count the lost requests."""
    with ServiceProcess(model) as first:
        second = ServiceProcess(model, port=first.port)

        def during() -> None:
            time.sleep(seconds / 4)
            first.process.kill()
            first.process.wait()
            second.__enter__()

        clients = load(first.port, 16, seconds, during)
        lost = [client.lost for client in clients]
        answered = sum(len(client.latencies) for client in clients)
        print(f"killed and restarted with 16 clients: {answered} answered, {sum(lost)} lost")
        second.__exit__(None, None, None)
        # each client has at most one request in flight
        if max(lost) > 1:
            raise SystemExit("a request that was not in flight was lost")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--method", default="stacked")
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
        print("| | samples per second | p50, ms | p99, ms | relative throughput |\n|---|---|---|---|---|")
        one, batch = (direct_calls(model, n_samples, options.seconds) for n_samples in (1, 64))
        reference = print_row("direct calls, 1 sample", *one, options.seconds, None)
        print_row("direct calls, 64 samples", *batch, options.seconds, reference)
        with ServiceProcess(path) as service:
            load(service.port, 4, 1)
            for n_clients in CLIENTS:
                clients = load(service.port, n_clients, options.seconds)
                latencies = [latency for client in clients for latency in client.latencies]
                name = f"service, {n_clients} client(s)"
                print_row(name, len(latencies), latencies, options.seconds, reference)


if __name__ == "__main__":
    main()
