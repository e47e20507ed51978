"""Send the HTTP service many requests over the loopback interface and watch statuses and memory.

    python benchmarks/soak.py [--requests 1000000] [--seconds 36000] [--clients 8] [--slow-clients 100]

The run ends after the given number of requests or seconds, whichever comes first. Every request has one to four
samples, in which modalities are missing at random; each client keeps its connection. Meanwhile, slow clients of another
address hold connections whose headers never end. The script fails if an answer is none of 200, 503 (load shedding) and
408 (a client without processor time for 5 s), if an answer is lost, or if the resident memory at the end is more than
5% above that after a fifth of the requests.
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
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from factories import make_data
from redcore.runs import fit_run
from service_process import ServiceProcess

GROWTH_LIMIT = 1.05
SLOW_ADDRESS = "127.0.0.2"
REPORT_SECONDS = 60


def requests(seed: int, n_requests: int = 200) -> list[bytes]:
    """Return random requests for predictions of the modalities of `factories.make_data`."""
    rng = random.Random(seed)

    def sample() -> dict:
        values = {
            "audio": [[rng.gauss(0, 1) for _ in range(3)] for _ in range(rng.randint(1, 6))],
            "text": [rng.gauss(0, 1) for _ in range(4)],
            "video": [rng.gauss(0, 1) for _ in range(5)],
        }
        return {name: value for name, value in values.items() if rng.random() < 0.7}

    def request() -> bytes:
        body = json.dumps({"samples": [sample() for _ in range(rng.randint(1, 4))]}).encode()
        head = "POST /predict HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\nContent-Length: "
        return f"{head}{len(body)}\r\n\r\n".encode() + body

    return [request() for _ in range(n_requests)]


async def client(port: int, seed: int, statuses: collections.Counter, is_over: Callable[[], bool]) -> None:
    """Send requests on one connection. A connection that ends without an answer counts as "lost"."""
    own, place, connection, is_used = requests(seed), 0, None, False
    while not is_over():
        try:
            if connection is None:
                connection = await asyncio.open_connection("127.0.0.1", port)
            reader, writer = connection
            writer.write(own[place % len(own)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            # the service may close an idle connection while a request is on its way; clients send such a request again
            was_idle = is_used and not getattr(error, "partial", b"")
            statuses["sent again" if was_idle else "lost"] += 1
            connection, is_used = None, False
            await asyncio.sleep(0.1)
            continue
        statuses[int(head.split()[1])] += 1
        place, is_used = place + 1, True
        if b"connection: close" in head:
            writer.close()
            connection, is_used = None, False
    if connection is not None:
        connection[1].close()


async def slow_client(port: int, ends: collections.Counter, is_over: Callable[[], bool]) -> None:
    """Hold connections whose headers never end, until the service closes them."""
    while not is_over():
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(SLOW_ADDRESS, 0))
            writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n")
            answer = await reader.read()
            ends[int(answer.split()[1]) if answer else "closed"] += 1
            writer.close()
        await asyncio.sleep(0.05)


async def soak(service: ServiceProcess, options: argparse.Namespace) -> tuple[collections.Counter, dict, int, int]:
    """Run all clients; return statuses, ends of slow connections, and memory after a fifth and at the end."""
    statuses: collections.Counter = collections.Counter()
    ends: collections.Counter = collections.Counter()
    start = time.monotonic()

    def progress() -> float:
        return max(statuses.total() / options.requests, (time.monotonic() - start) / options.seconds)

    def is_over() -> bool:
        return progress() >= 1

    async def watch() -> int:
        shown = start
        while progress() < 0.2:
            await asyncio.sleep(0.2)
        first = service.resident_bytes()
        while not is_over():
            await asyncio.sleep(0.2)
            if time.monotonic() - shown >= REPORT_SECONDS:
                shown = time.monotonic()
                print(f"{shown - start:.0f} s: {dict(statuses)}, {service.resident_bytes() / 1e6:.1f} MB", flush=True)
        return first

    slow = [asyncio.create_task(slow_client(service.port, ends, is_over)) for _ in range(options.slow_clients)]
    watching = asyncio.create_task(watch())
    await asyncio.gather(*(client(service.port, k, statuses, is_over) for k in range(options.clients)))
    first, last = await watching, service.resident_bytes()
    for task in slow:
        task.cancel()
    return statuses, dict(ends), first, last


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=36_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--slow-clients", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fit_run(make_data("multiclass", 60, sequences=True), Path(folder) / "run", method="late_fusion")
        with ServiceProcess(Path(folder) / "run") as service:
            start = time.monotonic()
            statuses, ends, first, last = asyncio.run(soak(service, options))
    seconds, growth = time.monotonic() - start, f"{last / first - 1:+.2%}"
    print(f"{statuses.total()} requests in {seconds:.0f} s, statuses {dict(statuses)}")
    print(f"connections of slow clients by status: {ends}")
    print(f"resident memory {first / 1e6:.1f} MB after a fifth, {last / 1e6:.1f} MB at the end ({growth})")
    if set(statuses) - {200, 408, 503, "sent again"}:
        raise SystemExit("an answer was none of 200, 408 and 503, or an answer was lost")
    if last > GROWTH_LIMIT * first:
        raise SystemExit("the memory of the service grew")


if __name__ == "__main__":
    main()
