"""Measure throughput and latency of the HTTP service with 1, 16 and 64 clients, compared with direct model calls.

    python benchmarks/serving.py [--seconds 5] [--method stacked] [--restart]

The service and its clients run on this machine and use the loopback interface. A client sends one sample with three
modalities, waits for the response and sends the next. Direct calls predict one sample, or 64 samples, per call in this
process. The last column is the processor time of the process that predicts, without that of the clients. The plain
server is uvicorn with a constant answer, after the body is parsed: its time is a lower bound for a service on uvicorn.
With ``--restart``, the script kills the service under load and starts it again, and checks that only requests in flight
were lost.
"""

import argparse
import asyncio
import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from factories import make_data
from redcore import load_model
from service_process import ServiceProcess, save_small_model

CLIENTS = (1, 16, 64)
BODY = json.dumps({"samples": [{"audio": [[0.1, 0.2, 0.3]] * 4, "text": [0.1] * 4, "video": [0.5] * 5}]}).encode()
HEADERS = {"Content-Type": "application/json"}


ANSWER = {
    "predictions": [
        {"observed": ["audio", "text", "video"], "label": 0, "probabilities": {"0": 0.9, "1": 0.09, "2": 0.01}}
    ]
}


class PlainService(ServiceProcess):
    """A server without model, checks and metrics, which parses the body and sends a constant answer."""

    def command(self) -> list[str]:
        """Return the command of the process."""
        return [sys.executable, __file__, "--plain", str(self.port)]


async def plain_app(scope, receive, send) -> None:
    """Answer every request with `ANSWER`."""
    if scope["type"] != "http":
        return
    body, message = b"", {"more_body": True}
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    json.loads(body or b"{}")
    content = json.dumps(ANSWER).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def serve_plain(port: int) -> None:
    """Serve `plain_app` with the HTTP parser of the service."""
    config = uvicorn.Config(plain_app, port=port, http="httptools", loop="asyncio", lifespan="off", access_log=False)
    asyncio.run(uvicorn.Server(config).serve())


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


def print_row(name: str, n_samples: int, latencies: list[float], seconds: float, cpu_seconds: float) -> None:
    p50, p99 = np.quantile(latencies, [0.5, 0.99]) * 1000
    per_sample = 1e6 * cpu_seconds / n_samples
    print(f"| {name} | {n_samples / seconds:.0f} | {p50:.1f} | {p99:.1f} | {per_sample:.0f} |", flush=True)


def print_service(name: str, service: ServiceProcess, n_clients: int, seconds: float) -> None:
    before = service.processor_seconds()
    latencies = [latency for client in load(service.port, n_clients, seconds) for latency in client.latencies]
    cpu_seconds = service.processor_seconds() - before
    print_row(f"{name}, {n_clients} client(s)", len(latencies), latencies, seconds, cpu_seconds)


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
    parser.add_argument("--plain", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        serve_plain(options.plain)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        save_small_model(path, options.method)
        if options.restart:
            restart(path, options.seconds)
            return
        model = load_model(path)
        model.predict(make_data("multiclass", 64, sequences=True))
        print("| | samples per second | p50, ms | p99, ms | processor time per sample, µs |\n|---|---|---|---|---|")
        for n_samples in (1, 64):
            start = time.process_time()
            n_predicted, latencies = direct_calls(model, n_samples, options.seconds)
            cpu_seconds = time.process_time() - start
            print_row(f"direct calls, {n_samples} sample(s)", n_predicted, latencies, options.seconds, cpu_seconds)
        with ServiceProcess(path) as service, PlainService(path) as plain:
            load(service.port, 4, 1)
            for n_clients in CLIENTS:
                print_service("service", service, n_clients, options.seconds)
            print_service("plain server", plain, CLIENTS[-1], options.seconds)


if __name__ == "__main__":
    main()
