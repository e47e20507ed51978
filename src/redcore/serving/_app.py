"""The HTTP service of one fitted model, as an ASGI application."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from redcore._types import AnyArray
from redcore._version import __version__
from redcore.methods import Method
from redcore.serving._batcher import Batcher, OverloadError
from redcore.serving._intervals import Intervals
from redcore.serving._limits import Limits
from redcore.serving._meters import Meters
from redcore.serving._samples import (
    Sample,
    answer_model,
    answers_of,
    predict_samples,
    problems_of,
    request_model,
    samples_of,
)
from redcore.uncertainty import Calibration

__all__ = ["make_app"]

COVERAGE = 0.9

KEY_HEADER = "X-API-Key"
OPEN_PATHS = ("/health",)
"""Need no key: who watches the service has none."""

REFUSALS = {
    400: "The body did not arrive whole.",
    401: "No API key, or a wrong one.",
    408: "The body took too long.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The body does not fit the model; `problems` says where.",
    503: "Too much to do; `Retry-After` says when to come again.",
}


class Refusal(BaseModel):
    """What an answer holds that is no prediction."""

    error: str
    problems: list[str] = []


class Service:
    """A model and what it needs to answer.

    Parameters
    ----------
    method : Method
        Fitted.
    limits : Limits
    calibration : Calibration or None
    """

    def __init__(self, method: Method, limits: Limits, calibration: Calibration | None) -> None:
        self.method, self.limits = method, limits
        regression = method.schema.target_kind.is_regression
        self.intervals = Intervals(calibration, COVERAGE) if calibration is not None and regression else None
        self.meters = Meters()
        self.batcher = Batcher(
            partial(predict_samples, method), limits.max_batch, limits.max_waiting, self.meters.batch
        )
        self.request, self.answer = (
            request_model(method.schema, limits),
            answer_model(method.schema, self.intervals is not None),
        )
        self.n_requests = 0

    async def predict(self, request: Request) -> Response:
        """Answer a request to ``/predict``."""
        if self.n_requests >= self.limits.max_requests:
            raise _busy(f"{self.n_requests} requests are in flight")
        self.n_requests += 1
        self.meters.in_flight.set(self.n_requests)
        start = time.perf_counter()
        try:
            samples = samples_of(self._parsed(await self._body(request)), self.method)
            outputs = await asyncio.wait_for(self.batcher.predict(samples), self.limits.timeout_seconds)
        except OverloadError as error:
            raise _busy(str(error)) from None
        except TimeoutError:
            raise _busy("the prediction took too long") from None
        finally:
            self.n_requests -= 1
            self.meters.in_flight.set(self.n_requests)
        content = json.dumps({"predictions": self._answers(samples, outputs)}, separators=(",", ":"))
        self.meters.seconds.observe(time.perf_counter() - start)
        return Response(content, media_type="application/json")

    def _answers(self, samples: list[Sample], outputs: AnyArray) -> list[dict[str, Any]]:
        answers = answers_of(self.method, samples, outputs)
        for sample, answer in zip(samples, answers, strict=True) if self.intervals else ():
            assert self.intervals is not None
            if "number" in answer:
                [answer["interval"]] = self.intervals.of(sample, [answer["number"]])
            else:
                answer["intervals"] = self.intervals.of(sample, answer["numbers"])
        return answers

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, "expected content-type application/json")
        try:
            return await asyncio.wait_for(self._bounded(request), self.limits.timeout_seconds)
        except TimeoutError:
            raise HTTPException(408, "the body took too long") from None

    async def _bounded(self, request: Request) -> bytes:
        raw, largest = bytearray(), self.limits.max_body_bytes
        announced = request.headers.get("content-length", "")
        too_large = HTTPException(413, f"the body is larger than {largest} bytes", {"Connection": "close"})
        if announced.isdigit() and int(announced[:20]) > largest:
            raise too_large
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > largest:
                raise too_large
        return bytes(raw)

    def _parsed(self, raw: bytes) -> BaseModel:
        try:
            return self.request.model_validate_json(raw)
        except ValidationError as error:
            raise HTTPException(422, problems_of(error)) from None

    def about(self) -> dict[str, Any]:
        """Return what ``/model`` answers."""
        method, schema = self.method, self.method.schema
        return {
            "method": type(method).__module__.rpartition(".")[2],
            "redcore_version": __version__,
            "modalities": [
                {
                    "name": modality.name,
                    "n_features": modality.n_features,
                    "is_sequence": modality.is_sequence,
                    "used": modality.name in method.active,
                }
                for modality in schema.modalities
            ],
            "target_kind": schema.target_kind,
            "classes": None if schema.classes is None else schema.classes.tolist(),
            "n_outputs": schema.n_outputs,
            "prior": method.prior.tolist(),
            "interval_coverage": None if self.intervals is None else COVERAGE,
            "limits": self.limits.dump(),
        }


def _busy(reason: str) -> HTTPException:
    return HTTPException(503, reason, {"Retry-After": "1"})


def make_app(
    method: Method,
    limits: Limits | None = None,
    *,
    calibration: Calibration | None = None,
    api_key: str | None = None,
) -> FastAPI:
    """Return the service of a fitted method.

    ``POST /predict`` takes ``{"samples": [{"audio": [...], ...}, ...]}`` and answers ``{"predictions": [...]}``; ``GET
    /health``, ``/metrics`` (Prometheus), ``/model`` and ``/openapi.json`` say the rest.

    Parameters
    ----------
    method : Method
    limits : Limits, optional
    calibration : Calibration, optional
        Of a regression method: predictions come with an interval that holds the truth with probability 0.9.
    api_key : str, optional
        If given, every path but ``/health`` needs it in the header ``X-API-Key``.
    """
    service = Service(method, limits or Limits(), calibration)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.batcher.close()

    app = FastAPI(
        title="redcore", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.service = service
    _add_routes(app, service)
    _add_refusals(app)
    app.middleware("http")(partial(_guarded, service, api_key))
    return app


def _add_routes(app: FastAPI, service: Service) -> None:
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Refusal, "description": text} for status, text in REFUSALS.items()
    }
    unauthorised: dict[int | str, dict[str, Any]] = {401: refusals[401]}
    schema = service.request.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs")
    body = {"required": True, "content": {"application/json": {"schema": schema}}}

    async def predict(request: Request) -> Response:
        return await service.predict(request)

    app.post("/predict", response_model=service.answer, responses=refusals, openapi_extra={"requestBody": body})(
        predict
    )

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the service is there."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse, responses=unauthorised)
    async def metrics() -> Response:
        """Return counters in the text format of Prometheus."""
        return Response(service.meters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/model", responses=unauthorised)
    async def model() -> dict[str, Any]:
        """Say what the model is, what it takes and what it was trained for."""
        return service.about()

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        document = app.openapi()
        document["components"]["schemas"] |= definitions
        return document


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(StarletteHTTPException)
    async def refuse(request: Request, error: StarletteHTTPException) -> JSONResponse:
        detail: Any = error.detail
        content: dict[str, Any] = {"error": detail}
        if isinstance(detail, list):
            content = {"error": "the body does not fit the model", "problems": detail}
        return JSONResponse(content, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> JSONResponse:
        # the server logs the traceback; the client gets none
        return JSONResponse({"error": "a fault of the service"}, 500)


async def _guarded(
    service: Service, api_key: str | None, request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Ask for the key, and count the answer."""
    given = request.headers.get(KEY_HEADER, "")
    path = request.url.path
    if api_key is None or path in OPEN_PATHS or hmac.compare_digest(given.encode(), api_key.encode()):
        response = await call_next(request)
    else:
        response = JSONResponse({"error": f"the header {KEY_HEADER} holds no valid key"}, 401)
    known = path if path in ("/predict", "/health", "/metrics", "/model", "/openapi.json") else "other"
    service.meters.requests.labels(known, str(response.status_code)).inc()
    return response
