"""Send the HTTP service many requests over the loopback interface and watch statuses and memory.

    python benchmarks/soak.py [--requests 1000000] [--seconds 36000] [--clients 8]

The run ends after the given number of requests or seconds, whichever comes first. Every request has one to four
samples, in which modalities are missing at random. The script fails if an answer is neither 200 nor 503 (load
shedding), or if the resident memory at the end is more than 5% above that after a fifth of the requests.
"""

import argparse
import collections
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from factories import make_data
from redcore.runs import fit_run
from service_process import ServiceProcess

HEADERS = {"Content-Type": "application/json"}
GROWTH_LIMIT = 1.05


def bodies(seed: int, n_bodies: int = 200) -> list[bytes]:
    """Return random request bodies of the modalities of `factories.make_data`."""
    rng = random.Random(seed)

    def sample():
        values = {
            "audio": [[rng.gauss(0, 1) for _ in range(3)] for _ in range(rng.randint(1, 6))],
            "text": [rng.gauss(0, 1) for _ in range(4)],
            "video": [rng.gauss(0, 1) for _ in range(5)],
        }
        return {name: value for name, value in values.items() if rng.random() < 0.7}

    return [json.dumps({"samples": [sample() for _ in range(rng.randint(1, 4))]}).encode() for _ in range(n_bodies)]


class Client(threading.Thread):
    """Client that sends requests on one connection until the common limit is reached."""

    def __init__(self, port: int, seed: int, statuses: collections.Counter, n_requests: int, end: float) -> None:
        super().__init__()
        self.port, self.bodies, self.statuses = port, bodies(seed), statuses
        self.n_requests, self.end = n_requests, end

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        place = 0
        while self.statuses.total() < self.n_requests and time.monotonic() < self.end:
            connection.request("POST", "/predict", self.bodies[place % len(self.bodies)], HEADERS)
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.status] += 1
            place += 1
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=36_000)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    statuses: collections.Counter = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        fit_run(make_data("multiclass", 60, sequences=True), Path(folder) / "run", method="late_fusion")
        with ServiceProcess(Path(folder) / "run") as service:
            start = time.monotonic()
            end = start + options.seconds
            clients = [Client(service.port, k, statuses, options.requests, end) for k in range(options.clients)]
            for client in clients:
                client.start()
            while statuses.total() < options.requests / 5 and time.monotonic() < start + options.seconds / 5:
                time.sleep(0.2)
            first = service.resident_bytes()
            for client in clients:
                client.join()
            last = service.resident_bytes()
    seconds, growth = time.monotonic() - start, f"{last / first - 1:+.2%}"
    print(f"{statuses.total()} requests in {seconds:.0f} s, statuses {dict(statuses)}")
    print(f"resident memory {first / 1e6:.1f} MB after a fifth, {last / 1e6:.1f} MB at the end ({growth})")
    if set(statuses) - {200, 503}:
        raise SystemExit("an answer was neither 200 nor 503")
    if last > GROWTH_LIMIT * first:
        raise SystemExit("the memory of the service grew")


if __name__ == "__main__":
    main()
