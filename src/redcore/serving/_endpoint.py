"""ASGI endpoint of ``POST /predict``: request body, status and answer."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from redcore.serving._limits import Limits

__all__ = ["PREDICT_PATH", "PredictEndpoint", "error_response", "header_of", "read_body"]

PREDICT_PATH = "/predict"


class PredictEndpoint:
    """ASGI middleware that answers ``POST /predict``, and passes all other requests on.

    The route of this path in FastAPI only documents it: routing, dependencies and contexts of FastAPI take more
    processor time than the validation of a small request.

    Parameters
    ----------
    app : ASGI application
    predict : callable
        Coroutine function of scope and receive, which returns the JSON of the answer or raises an HTTPException.
    """

    def __init__(self, app: ASGIApp, predict: Callable[[Scope, Receive], Awaitable[bytes]]) -> None:
        self.app, self.predict = app, predict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["path"] != PREDICT_PATH or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        try:
            content = await self.predict(scope, receive)
        except StarletteHTTPException as error:
            await error_response(scope, error)(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def error_response(scope: Scope, error: StarletteHTTPException) -> JSONResponse:
    """Return the JSON response of an error, and set the state ``error`` of the request for its log."""
    detail: object = error.detail
    if isinstance(detail, list):
        scope["state"]["error"] = "; ".join(detail)
        content = {"error": "the request body does not match the inputs of the model", "problems": detail}
        return JSONResponse(content, error.status_code, error.headers)
    scope["state"]["error"] = str(detail)
    return JSONResponse({"error": detail}, error.status_code, error.headers)


def header_of(scope: Scope, name: bytes) -> str:
    """Return the first header with a name in lower case; empty if the request has none."""
    for own, value in scope["headers"]:
        if own == name:
            text: str = value.decode("latin-1")
            return text
    return ""


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """Return the body of a request.

    Raises
    ------
    HTTPException
        With status 415 if the content type is not JSON, 413 if the body is too large, 408 if it does not arrive within
        the time limit, or 400 if the connection ends before.
    """
    content_type = (header_of(scope, b"content-type") or "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise HTTPException(415, f"expected content-type application/json, got {content_type[:100]}")
    try:
        async with asyncio.timeout(limits.timeout_seconds):
            return await _read_at_most(scope, receive, limits.max_body_bytes)
    except TimeoutError:
        raise HTTPException(408, f"the request body did not arrive within {limits.timeout_seconds} s") from None


async def _read_at_most(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    too_large = HTTPException(413, f"the request body is larger than {max_bytes} bytes", {"Connection": "close"})
    content_length = header_of(scope, b"content-length")
    if content_length.isdigit() and int(content_length[:20]) > max_bytes:
        raise too_large
    raw, more_body = bytearray(), True
    while more_body:
        message = await receive()
        if message["type"] != "http.request":
            raise HTTPException(400, "the connection ended before the request body was complete")
        raw += message.get("body", b"")
        if len(raw) > max_bytes:
            raise too_large
        more_body = message.get("more_body", False)
    return bytes(raw)
