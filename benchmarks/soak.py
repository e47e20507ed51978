"""Send the HTTP service many requests over the loopback interface and watch statuses, latencies and memory.

    python benchmarks/soak.py [--requests 1000000] [--seconds 36000] [--clients 16] [--slow-clients 20]

The run ends after the given number of requests or seconds, whichever comes first. Each client keeps its connection and
sends one request after the other: one sample of three vectors, in which modalities are missing at random, to a linear
model. One request in 100 is malformed, and one in 10,000 announces a body over the limit; they must be answered with
422 and 413. Meanwhile, slow clients of another address hold connections whose headers or bodies never end. The script
fails if a request gets another status than it must, except for 503 (load shedding) and 408 (a client without processor
time for 5 s), if an answer is lost, or if the resident memory at the end is more than 5% above that after a fifth of
the requests. The table has one line per tenth of the run.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from factories import make_data
from redcore.runs import fit_run
from service_process import ServiceProcess

GROWTH_LIMIT = 1.05
SLOW_ADDRESS = "127.0.0.2"
N_PARTS = 10
WIDTHS = {"audio": 3, "text": 4, "video": 5}
PATH_HEAD = "POST /predict HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\nContent-Length: "
SLOW_BEGINNINGS = (b"GET /health HTTP/1.1\r\nHost: a\r\n", f'{PATH_HEAD}100\r\n\r\n{{"samples"'.encode())
MAY_FAIL = (503, 408)


def request(body: str, length: int | None = None) -> bytes:
    """Return a request with this body, which announces `length` bytes."""
    return f"{PATH_HEAD}{len(body) if length is None else length}\r\n\r\n{body}".encode()


def requests(seed: int, n_requests: int = 1000) -> list[bytes]:
    """Return valid requests of one sample with random missing modalities."""
    rng = random.Random(seed)

    def sample() -> dict:
        return {name: [rng.gauss(0, 1) for _ in range(width)] for name, width in WIDTHS.items() if rng.random() < 0.7}

    return [request(json.dumps({"samples": [sample()]})) for _ in range(n_requests)]


MALFORMED = [
    request(body)
    for body in (
        "{",
        "[]",
        '{"samples": []}',
        '{"samples": [{"audio": [1, 2]}]}',
        '{"samples": [{"audio": [1, 2, "x"]}]}',
        '{"samples": [{"smell": [1, 2, 3]}]}',
        '{"samples": [{"text": [1, 2, 3, NaN]}]}',
    )
]
OVERSIZED = request("", length=5 * 2**20)


@dataclass
class Record:
    """Statuses, latencies and ends of slow connections of a run with `n_requests` requests or `n_seconds` seconds."""

    n_requests: int
    n_seconds: float
    start: float = field(default_factory=time.monotonic)
    statuses: collections.Counter = field(default_factory=collections.Counter)
    unexpected: collections.Counter = field(default_factory=collections.Counter)
    slow_ends: collections.Counter = field(default_factory=collections.Counter)
    seconds: list[float] = field(default_factory=list)
    n_answers: int = 0

    def add(self, status: int, expected: int, seconds: float) -> None:
        self.n_answers += 1
        self.statuses[status] += 1
        self.seconds.append(seconds)
        if status not in (expected, *MAY_FAIL):
            self.unexpected[f"{status} in place of {expected}"] += 1

    def progress(self) -> float:
        return max(self.n_answers / self.n_requests, (time.monotonic() - self.start) / self.n_seconds)

    def is_over(self) -> bool:
        return self.progress() >= 1


async def client(port: int, seed: int, record: Record) -> None:
    """Send requests on one connection. A connection that ends without an answer counts as "lost"."""
    rng, valid, connection, is_used = random.Random(seed), requests(seed), None, False
    place = 0
    while not record.is_over():
        place, draw = place + 1, rng.random()
        content, expected = valid[place % len(valid)], 200
        if draw < 0.0001:
            content, expected = OVERSIZED, 413
        elif draw < 0.01:
            content, expected = MALFORMED[place % len(MALFORMED)], 422
        try:
            if connection is None:
                connection = await asyncio.open_connection("127.0.0.1", port)
            reader, writer = connection
            start = time.perf_counter()
            writer.write(content)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            # the service may close an idle connection while a request is on its way; clients send such a request again
            was_idle = is_used and not getattr(error, "partial", b"")
            (record.statuses if was_idle else record.unexpected)["sent again" if was_idle else "lost"] += 1
            connection, is_used = None, False
            await asyncio.sleep(0.1)
            continue
        record.add(int(head[9:12]), expected, time.perf_counter() - start)
        is_used = True
        if b"connection: close" in head:
            writer.close()
            connection, is_used = None, False
    if connection is not None:
        connection[1].close()


async def slow_client(port: int, beginning: bytes, record: Record) -> None:
    """Hold connections whose request never ends, until the service closes them."""
    while not record.is_over():
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(SLOW_ADDRESS, 0))
            writer.write(beginning)
            answer = await reader.read()
            record.slow_ends[int(answer.split()[1]) if answer else "closed"] += 1
            writer.close()
        await asyncio.sleep(0.05)


async def watch(service: ServiceProcess, record: Record) -> list[int]:
    """Print one line of the table per tenth of the run; return the resident memory after each."""
    memory: list[int] = []
    print("| answers | seconds | p50, ms | p99, ms | p99.9, ms | memory, MB | service, CPU s |")
    print("|---|---|---|---|---|---|---|")
    while len(memory) < N_PARTS:
        await asyncio.sleep(0.2)
        if record.progress() < (len(memory) + 1) / N_PARTS:
            continue
        memory.append(service.resident_bytes())
        part, record.seconds = np.array(record.seconds) * 1000, []
        percentiles = " | ".join(f"{value:.1f}" for value in np.percentile(part, [50, 99, 99.9]))
        passed = time.monotonic() - record.start
        cells = f"{record.n_answers} | {passed:.0f} | {percentiles} | {memory[-1] / 1e6:.1f}"
        print(f"| {cells} | {service.processor_seconds():.0f} |", flush=True)
    return memory


async def soak(service: ServiceProcess, record: Record, n_clients: int, n_slow: int) -> list[int]:
    """Run all clients; return the resident memory after each tenth of the run."""
    slow = [
        asyncio.create_task(slow_client(service.port, SLOW_BEGINNINGS[k % len(SLOW_BEGINNINGS)], record))
        for k in range(n_slow)
    ]
    watching = asyncio.create_task(watch(service, record))
    await asyncio.gather(*(client(service.port, k, record) for k in range(n_clients)))
    memory = await watching
    for task in slow:
        task.cancel()
    return memory


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=36_000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--slow-clients", type=int, default=20)
    parser.add_argument("--method", default="mean_fill")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fit_run(make_data("multiclass", 200), Path(folder) / "run", method=options.method)
        with ServiceProcess(Path(folder) / "run") as service:
            record = Record(options.requests, options.seconds)
            memory = asyncio.run(soak(service, record, options.clients, options.slow_clients))
    first, last = memory[N_PARTS // 5 - 1], memory[-1]
    print(f"{record.n_answers} answers in {time.monotonic() - record.start:.0f} s, statuses {dict(record.statuses)}")
    print(f"connections of slow clients by status: {dict(record.slow_ends)}")
    print(
        f"resident memory {first / 1e6:.1f} MB after a fifth, {last / 1e6:.1f} MB at the end ({last / first - 1:+.2%})"
    )
    print(f"processor time of the clients: {time.process_time():.0f} s")
    if record.unexpected:
        raise SystemExit(f"unexpected statuses: {dict(record.unexpected)}")
    if last > GROWTH_LIMIT * first:
        raise SystemExit("the memory of the service grew")


if __name__ == "__main__":
    main()
