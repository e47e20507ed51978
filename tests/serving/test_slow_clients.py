"""Slow clients, too many connections and unsafe starts of the service process."""

import contextlib
import http.client
import json
import re
import socket
import time

import pytest

from redcore.cli import main
from service_process import ServiceProcess, save_small_model

N_SLOW = 1030


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "model"
    save_small_model(folder)
    return folder


def health(port, source="127.0.0.1"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def answer_to(connection):
    """Return the status line, the headers and the JSON of an answer after which the service closes the connection."""
    content = b""
    while chunk := connection.recv(65536):
        content += chunk
    head, _, body = content.partition(b"\r\n\r\n")
    return head.decode(), json.loads(body)


def test_many_slow_clients_take_no_service_from_others(model):
    with ServiceProcess(model, "--header-timeout", "3") as service, contextlib.ExitStack() as stack:
        slow = []
        for _ in range(N_SLOW):
            connection = socket.create_connection(("127.0.0.1", service.port), timeout=10)
            stack.enter_context(connection)
            connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n")
            slow.append(connection)
        # another address is served while the slow ones hold their connections
        assert health(service.port, "127.0.0.2") == (200, {"status": "ok"})
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as one_more:
            head, body = answer_to(one_more)
        assert head.startswith("HTTP/1.1 503 ")
        assert body == {"error": "too many connections from 127.0.0.1"}
        # a header every second does not extend the time
        for _ in range(4):
            time.sleep(1)
            for connection in slow[:100]:
                with contextlib.suppress(OSError):
                    connection.send(b"X-A: b\r\n")
        deadline = time.monotonic() + 30
        while health(service.port)[0] == 503 and time.monotonic() < deadline:
            time.sleep(0.5)
        assert health(service.port) == (200, {"status": "ok"})


def test_slow_headers_and_invalid_requests_are_answered_in_json(model):
    with ServiceProcess(model, "--header-timeout", "0.5") as service:
        for request, status in ((b"POST /predict HT", 408), (b"nonsense\r\n\r\n", 400)):
            with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
                connection.send(request)
                head, body = answer_to(connection)
                assert head.startswith(f"HTTP/1.1 {status} ")
                assert set(body) == {"error"}
        # a connection in use is kept longer than the time for headers
        client = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        for _ in range(3):
            client.request("GET", "/predict/")
            answer = client.getresponse()
            assert (answer.status, json.loads(answer.read())) == (404, {"error": "Not Found"})
            time.sleep(0.4)
        client.close()


def test_a_busy_port_ends_with_one_line(model, capsys):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert main(["serve", str(model), "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"redcore: --host 127.0.0.1 --port {port}: cannot listen (Address already in use)\n"
    )


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        (["--api-key", ""], None, "--api-key (REDCORE_API_KEY) is empty"),
        ([], "", "--api-key (REDCORE_API_KEY) is empty"),
        ([], "  ", "--api-key (REDCORE_API_KEY) is empty"),
        (["--host", "0.0.0.0"], None, "--host 0.0.0.0: anyone who can reach this address could send requests"),
        (["--host", "0.0.0.0"], "", "--api-key (REDCORE_API_KEY) is empty"),
        (["--tls-key", "k.pem"], None, "TLS needs both --tls-certificate and --tls-key"),
        (["--tls-key", "k.pem", "--tls-certificate", "c.pem"], None, "c.pem: no such file"),
    ],
)
def test_unsafe_starts_are_rejected(model, options, environment, message, capsys, monkeypatch):
    monkeypatch.delenv("REDCORE_API_KEY", raising=False)
    if environment is not None:
        monkeypatch.setenv("REDCORE_API_KEY", environment)
    assert main(["serve", str(model), "--port", "0", *options]) == 2
    assert message in capsys.readouterr().err


def sent(port, *contents):
    """Return all bytes that the service sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for content in contents:
            connection.sendall(content)
            time.sleep(0.2)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # closed before the service has read everything
            while chunk := connection.recv(65536):
                answer += chunk
    return answer


def test_a_connection_cannot_fill_the_memory(model):
    small, last = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /nosuch HTTP/1.0\r\nHost: a\r\n\r\n"
    post = b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ServiceProcess(model) as service:
        statuses = re.findall(rb"HTTP/1.1 (\d+) ", sent(service.port, small * 30 + last))
        assert statuses == [b"200"] * 30 + [b"404"]
        assert b'"more than 64 requests wait' in sent(service.port, small * 100)
        for beginning in (small[:-2], post + b"0\r\n"):
            assert b'"the headers of the request are larger than 65536 bytes"' in sent(
                service.port, beginning, b"X-A: " + b"b" * 66_000
            )
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as leaving:
            leaving.sendall(post + b'5\r\n{"sam\r\n')
        assert health(service.port) == (200, {"status": "ok"})
        metrics = sent(service.port, b"GET /metrics HTTP/1.0\r\nHost: a\r\n\r\n").decode()
    assert 'redcore_requests_total{path="/predict",status="400"}' in metrics
    assert 'status="500"' not in metrics
