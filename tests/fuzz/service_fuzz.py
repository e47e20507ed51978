"""Send the service requests of every bad kind: none may end in a status of 5xx, and its memory must not grow.

    python tests/fuzz/service_fuzz.py --cases 20000

A tenth of the cases is made by schemathesis from the service's own OpenAPI document, half of these to fit it and half
not to; the others are valid bodies damaged byte by byte or in their structure, and requests that are no predictions.
"""

import argparse
import collections
import contextlib
import http.client
import json
import random
import tempfile
import urllib.request
from pathlib import Path

import hypothesis
import schemathesis
from schemathesis.generation import GenerationMode

from service_process import ServiceProcess, save_small_model

GROWTH_LIMIT = 1.05
"""Largest ratio of the resident memory after all cases to that after a fifth of them."""

PIECES = (
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-0",
    b"{}",
    b"[]",
    b"[" * 500,
    b'"\xed\xa0\x80"',
    b"\x00",
    b"true",
    b'""',
)
PATHS = (
    "/predict",
    "/predict/",
    "/health",
    "/metrics",
    "/model",
    "/openapi.json",
    "/",
    "/%00",
    "/../etc/passwd",
    "/" + "a" * 4000,
)
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")


def valid_sample(rng: random.Random) -> dict:
    sample = {
        "audio": [[rng.gauss(0, 1) for _ in range(3)] for _ in range(rng.randint(1, 6))],
        "text": [rng.gauss(0, 1) for _ in range(4)],
        "video": [rng.gauss(0, 10 ** rng.randint(-30, 30)) for _ in range(5)],
    }
    return {name: values for name, values in sample.items() if rng.random() < 0.7}


def damaged_structure(rng: random.Random) -> bytes:
    content = {"samples": [valid_sample(rng) for _ in range(rng.randint(0, 70))]}
    odd = rng.choice([None, True, "text", -1, 1e308, 10**400, {}, [], [[]], [[[1.0]]], {"a": 1}, [None], "é\u2028"])
    for sample in content["samples"]:
        if rng.random() < 0.3:
            sample[rng.choice(["audio", "text", "video", "voice", "", "modality_0"])] = odd
    if rng.random() < 0.2:
        content[rng.choice(["samples", "more", "availability"])] = odd
    return json.dumps(content).encode()


def damaged_bytes(rng: random.Random) -> bytes:
    raw = bytearray(json.dumps({"samples": [valid_sample(rng) for _ in range(rng.randint(1, 3))]}).encode())
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(raw) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            del raw[place:]
        elif kind == 1:
            raw[place : place + rng.randint(0, 8)] = rng.choice(PIECES)
        elif kind == 2:
            raw[place:place] = raw[: rng.randint(0, len(raw))]
        elif raw:
            raw[place % len(raw)] = rng.randrange(256)
    return bytes(raw)


def malformed(rng: random.Random) -> tuple[str, str, bytes, dict[str, str]]:
    """Return method, path, body and headers."""
    kind = rng.random()
    if kind < 0.45:
        return "POST", "/predict", damaged_bytes(rng), {"Content-Type": "application/json"}
    if kind < 0.9:
        return "POST", "/predict", damaged_structure(rng), {}
    headers = {
        "Content-Type": rng.choice(["application/json; charset=utf-16", "text/html", "", "\x7f"]),
        "X-API-Key": "ü",
    }
    return rng.choice(METHODS), rng.choice(PATHS), damaged_bytes(rng), headers


class Client:
    """A connection that is opened again where the service, rightly, closed it."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        for attempt in range(3):
            try:
                self.connection.request(method, path, body, {k: v.encode("latin-1") for k, v in headers.items()})
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                self.connection.close()
                if attempt == 2:
                    raise
        raise AssertionError("not reached")

    def close(self) -> None:
        self.connection.close()


def check(status: int, content: bytes, case: object) -> None:
    if status >= 500 or b"Traceback" in content:
        raise AssertionError(f"status {status}: {content[:500]!r} for {case!r}"[:3000])


def send_malformed(port: int, n_cases: int, seed: int, counts: collections.Counter) -> None:
    with contextlib.closing(Client(port)) as client:
        for index in range(n_cases):
            case = malformed(random.Random(f"{seed}-{index}"))
            status, content = client.send(*case)
            check(status, content, case)
            counts[status] += 1


def send_generated(port: int, n_cases: int, counts: collections.Counter) -> None:
    """Send what schemathesis makes of the document, and hold the answers to it."""
    url = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{url}/openapi.json") as stream:
        schema = schemathesis.openapi.from_dict(json.load(stream))
    operation = schema["/predict"]["POST"]
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        send_generated_as(mode, operation, url, n_cases // 2, counts)


def send_generated_as(mode: GenerationMode, operation, url: str, n_cases: int, counts: collections.Counter) -> None:
    @hypothesis.settings(
        max_examples=n_cases,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.seed(0)
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        response = case.call(base_url=url)
        check(response.status_code, response.content, case)
        if mode is GenerationMode.POSITIVE and response.status_code != 200:
            raise AssertionError(f"fits the document, but: {response.status_code}: {response.content[:500]!r}")
        operation.validate_response(response)
        counts[response.status_code] += 1

    run()


def fuzz(n_cases: int, seed: int = 0) -> dict:
    """Send all cases, and return what was answered and how much memory the service took."""
    counts: collections.Counter = collections.Counter()
    n_generated = n_cases // 10
    with tempfile.TemporaryDirectory() as folder:
        save_small_model(Path(folder) / "model")
        with ServiceProcess(Path(folder) / "model") as service:
            send_generated(service.port, n_generated, counts)
            first = (n_cases - n_generated) // 5
            send_malformed(service.port, first, seed, counts)
            before = service.resident_bytes()
            send_malformed(service.port, n_cases - n_generated - first, seed + 1, counts)
            after = service.resident_bytes()
    return {"cases": sum(counts.values()), "statuses": dict(sorted(counts.items())), "bytes": (before, after)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = fuzz(options.cases, options.seed)
    print(json.dumps(found))
    growth = found["bytes"][1] / found["bytes"][0]
    if growth > GROWTH_LIMIT:
        raise SystemExit(f"memory grew by a factor of {growth:.3f}")
