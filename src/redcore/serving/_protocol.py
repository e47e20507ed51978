"""HTTP protocol with limits on connections and on the time for a request to arrive."""

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from redcore.serving._limits import Limits

__all__ = ["guarded_protocol"]

MAX_HEADER_BYTES = 2**16
"""Bytes of incomplete headers, or of other data between two parts of a body, such as trailers."""

MAX_PIPELINED = 64
"""Requests of one connection that wait for the answer to an earlier one."""

PHRASES = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 protocol of uvicorn that closes connections of slow clients and of addresses with too many of them.

    uvicorn itself waits without limit for the headers of a request, and does not limit their size or the number of
    pipelined requests. The headers must be complete within `Limits.header_seconds`, also those of later requests on the
    same connection. The parser in C, httptools, takes a third of the processor time of uvicorn's parser in Python.
    """

    limits: Limits
    n_by_address: Counter[str]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or answer it with status 503 if there are too many."""
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        self._n_header_bytes = 0
        self._address = self.client[0] if self.client else ""
        # rejected connections are not counted: in a burst, they would take the places of other addresses until closed
        self._is_counted = False
        if self.n_by_address[self._address] >= self.limits.max_connections_per_address:
            self._reject(503, f"too many connections from {self._address}")
        elif self.n_by_address.total() >= self.limits.max_connections:
            self._reject(503, "too many connections")
        else:
            self._is_counted = True
            self.n_by_address[self._address] += 1
            self._await_headers(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the end of a connection."""
        self._cancel_deadline()
        if self._is_counted:
            self.n_by_address[self._address] -= 1
            if not self.n_by_address[self._address]:
                del self.n_by_address[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request, unless it exceeds a limit."""
        if self.transport.is_closing():
            return
        self._n_header_bytes += len(data)
        super().data_received(data)
        if self._n_header_bytes > MAX_HEADER_BYTES:
            self._reject(400, f"the headers of the request are larger than {MAX_HEADER_BYTES} bytes")
        elif len(self.pipeline) > MAX_PIPELINED:
            self.pipeline.clear()
            self._reject(400, f"more than {MAX_PIPELINED} requests wait for an answer on this connection")

    def on_headers_complete(self) -> None:
        """Start a request. The deadline of its headers ends."""
        self._n_header_bytes = 0
        self._cancel_deadline()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Read a part of a body."""
        self._n_header_bytes = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Wait for the next request on this connection."""
        super().on_response_complete()
        # otherwise a pipelined request has begun
        if self.cycle.response_complete and not self.transport.is_closing():
            self._await_headers(self.timeout_keep_alive + self.limits.header_seconds)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP."""
        self._reject(400, msg)

    def _await_headers(self, seconds: float) -> None:
        self._cancel_deadline()
        message = f"the headers of the request did not arrive within {self.limits.header_seconds:g} s"
        self._deadline = self.loop.call_later(seconds, self._reject, 408, message)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _reject(self, status: int, reason: str) -> None:
        """Answer with an error in JSON and close the connection."""
        if self.transport.is_closing():
            return
        body = b'{"error":"' + reason.encode() + b'"}'
        headers = f"HTTP/1.1 {status} {PHRASES[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        retry = "retry-after: 1\r\n" if status == 503 else ""
        self.transport.write(f"{headers}{retry}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()


def guarded_protocol(limits: Limits) -> Any:
    """Return a subclass of `GuardedProtocol` with these limits and its own count of connections."""
    return type("LimitedProtocol", (GuardedProtocol,), {"limits": limits, "n_by_address": Counter()})
