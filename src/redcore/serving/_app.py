"""ASGI application that serves one fitted model."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Receive, Scope

from redcore._defaults import COVERAGE
from redcore._types import AnyArray
from redcore._version import __version__
from redcore.data import TargetPart
from redcore.exceptions import DataError
from redcore.extract import Recipe
from redcore.methods import Method, method_name
from redcore.monitoring import Reference
from redcore.serving._batcher import Batcher, OverloadError
from redcore.serving._drift import DriftWatch
from redcore.serving._endpoint import PREDICT_PATH, PredictEndpoint, error_response, read_body
from redcore.serving._intervals import Intervals
from redcore.serving._limits import Limits
from redcore.serving._logs import RequestLog
from redcore.serving._metrics import Metrics
from redcore.serving._middleware import RequestMiddleware
from redcore.serving._raw_inputs import RawInputs
from redcore.serving._samples import (
    Sample,
    check_unique_keys,
    format_predictions,
    parse_samples,
    predict_data,
    prediction_model,
    request_model,
    samples_as_data,
    validation_messages,
)
from redcore.serving._shadow import Shadow
from redcore.serving._warm_up import warm_up
from redcore.uncertainty import Calibration

__all__ = ["make_app"]

to_json = json.JSONEncoder(separators=(",", ":")).encode

ERROR_DESCRIPTIONS = {
    400: "The request body is incomplete.",
    401: "The API key is missing or wrong.",
    408: "The request body did not arrive within the time limit.",
    413: "The request body is too large.",
    415: "The content type is not application/json.",
    422: "The request body does not match the inputs of the model; `problems` lists the invalid fields.",
    503: "The service is overloaded; retry after the number of seconds in `Retry-After`.",
}


class ErrorResponse(BaseModel):
    """Body of a response with an error status."""

    error: str
    problems: list[str] = []


class Service:
    """State of the service: fitted model, request limits, batcher and metrics.

    Parameters
    ----------
    method : Method
        A fitted method.
    limits : Limits
    calibration : Calibration or None
        If given and the targets are continuous or times, predictions include an interval with coverage 0.9.
    reference : Reference or None
        If given, answers include the differences of the latest samples from the training data.
    recipes : mapping of str to Recipe
        Conversions of raw inputs to features, by modality.
    shadow : Path or None
        If given, run folder or model file of a second model that answers the same requests.
    """

    def __init__(
        self,
        method: Method,
        limits: Limits,
        calibration: Calibration | None,
        reference: Reference | None,
        recipes: Mapping[str, Recipe],
        shadow: Path | None,
    ) -> None:
        self.method, self.limits = method, limits
        self.raw = RawInputs(method, recipes, limits)
        kind = method.schema.target_kind
        has_intervals = kind.is_regression or kind.is_survival
        self.intervals = Intervals(calibration, COVERAGE) if calibration is not None and has_intervals else None
        self.metrics = Metrics()
        self.drift = None if reference is None else DriftWatch(method, reference, self.metrics)
        self.batcher = Batcher(self._predict_batch, limits.max_batch, limits.max_waiting, self.metrics.batch)
        self.request_model = request_model(method.schema, limits, self.raw.media)
        self.prediction_model = prediction_model(method.schema, self.intervals is not None, self.drift is not None)
        self.shadow = None if shadow is None else Shadow(shadow, method.schema, limits, self.metrics)
        self.n_requests = 0

    async def predict(self, scope: Scope, receive: Receive) -> bytes:
        """Return the JSON of the answer to a request to ``/predict``. An HTTPException carries the error status."""
        log: RequestLog = scope["state"]["log"]
        if self.n_requests >= self.limits.max_requests:
            raise _overloaded(f"{self.n_requests} requests are in flight")
        self.n_requests += 1
        self.metrics.in_flight.set(self.n_requests)
        start = time.perf_counter()
        try:
            body = await read_body(scope, receive, self.limits)
            samples = await self._samples(self._parse_body(body))
            log.count(samples)
            async with asyncio.timeout(self.limits.timeout_seconds):
                predictions = await self.batcher.predict(samples)
        except OverloadError as error:
            raise _overloaded(str(error)) from None
        except TimeoutError:
            raise _overloaded(f"the prediction took longer than {self.limits.timeout_seconds} s") from None
        finally:
            self.n_requests -= 1
            self.metrics.in_flight.set(self.n_requests)
        if self.shadow is not None:
            self.shadow.submit(log.id, body, predictions)
        answer: dict[str, Any] = {"predictions": predictions}
        if self.drift is not None:
            answer["drift"] = log.warnings = self.drift.messages
        content = to_json(answer).encode()
        self.metrics.seconds.observe(time.perf_counter() - start)
        return content

    async def _samples(self, body: BaseModel) -> list[Sample]:
        if not self.raw.media:
            return parse_samples(body, self.method)
        try:
            converted = await asyncio.wait_for(self.raw.convert(body), self.limits.timeout_seconds)
        except DataError as error:
            raise HTTPException(422, [str(error)]) from None
        except TimeoutError:
            raise _overloaded(
                f"the conversion of raw inputs took longer than {self.limits.timeout_seconds} s"
            ) from None
        return parse_samples(body, self.method, converted)

    def _predict_batch(self, samples: list[Sample]) -> list[dict[str, Any]]:
        data = samples_as_data(self.method, samples)
        outputs = predict_data(self.method, data)
        if self.drift is not None:
            self.drift.add(data, outputs)
        return self._format_predictions(samples, outputs)

    def _format_predictions(self, samples: list[Sample], outputs: AnyArray) -> list[dict[str, Any]]:
        predictions = format_predictions(self.method, samples, outputs)
        for sample, prediction in zip(samples, predictions, strict=True) if self.intervals else ():
            assert self.intervals is not None
            if (grid := self.method.schema.grid) is not None:
                prediction["interval"] = self.intervals.of_time(sample, prediction["survival"], grid)
            elif "number" in prediction:
                [prediction["interval"]] = self.intervals.around(sample, [prediction["number"]])
            else:
                prediction["intervals"] = self.intervals.around(sample, prediction["numbers"])
        return predictions

    def _parse_body(self, raw: bytes) -> BaseModel:
        try:
            body = self.request_model.model_validate_json(raw)
            check_unique_keys(raw, body)
        except ValidationError as error:
            raise HTTPException(422, validation_messages(error, self.method.schema)) from None
        except DataError as error:
            raise HTTPException(422, [str(error)]) from None
        return body

    def close(self) -> None:
        """Wait for the current batch and stop the threads and processes of the service."""
        self.raw.close()
        self.batcher.close()
        if self.shadow is not None:
            self.shadow.close()

    def model_description(self) -> dict[str, Any]:
        """Return the response body of ``/model``: inputs, targets, prior and limits of the service."""
        method, schema = self.method, self.method.schema
        return {
            "method": method_name(method),
            "redcore_version": __version__,
            "modalities": [
                {
                    "name": modality.name,
                    "n_features": modality.n_features,
                    "is_sequence": modality.is_sequence,
                    "shape": modality.shape,
                    "padding": modality.padding,
                    "feature_names": modality.feature_names,
                    "categories": modality.categories,
                    "text": modality.text,
                    "used": modality.name in method.active,
                    "raw": self.raw.media.get(modality.name),
                }
                for modality in schema.modalities
            ],
            "target_kind": schema.target_kind,
            "classes": None if schema.classes is None else schema.classes.tolist(),
            "n_outputs": schema.n_outputs,
            **({} if schema.grid is None else {"times": schema.grid.borders.tolist()}),
            **({"targets": [_described(part) for part in schema.parts]} if schema.parts else {}),
            "prior": method.prior.tolist(),
            "interval_coverage": None if self.intervals is None else COVERAGE,
            "limits": self.limits.dump(),
        }


def _described(part: TargetPart) -> dict[str, Any]:
    """Return the description of one of several targets in ``/model``."""
    return {
        "name": part.name,
        "target_kind": part.kind,
        "classes": None if part.classes is None else part.classes.tolist(),
        "n_outputs": part.n_outputs,
        **({} if part.grid is None else {"times": part.grid.borders.tolist()}),
    }


def _overloaded(reason: str) -> HTTPException:
    return HTTPException(503, reason, {"Retry-After": "1"})


def make_app(
    method: Method,
    limits: Limits | None = None,
    *,
    calibration: Calibration | None = None,
    reference: Reference | None = None,
    recipes: Mapping[str, Recipe] | None = None,
    api_key: str | None = None,
    shadow: Path | None = None,
) -> FastAPI:
    """Return an ASGI application that serves a fitted method.

    ``POST /predict`` accepts ``{"samples": [{"audio": [...], ...}, ...]}`` and returns ``{"predictions": [...]}``.
    ``GET /health`` is the liveness check, ``/metrics`` returns Prometheus metrics, ``/model`` describes the model and
    ``/openapi.json`` documents the interface.

    Parameters
    ----------
    method : Method
        A fitted method.
    limits : Limits, optional
        Bounds on request size, queue length and time; the defaults of `Limits` if absent.
    calibration : Calibration, optional
        Calibration of a regression or survival method. If given, every prediction includes an interval with coverage
        0.9.
    reference : Reference, optional
        Profile of the training data. If given, answers have the field ``drift``, and there are metrics by modality,
        missing pattern and class.
    recipes : mapping of str to Recipe, optional
        Conversions of raw inputs to features; see `redcore.extract.load_recipes`. Requests may then contain raw inputs
        of these modalities.
    api_key : str, optional
        If given, every path except ``/health`` requires it in the header ``X-API-Key``.
    shadow : Path, optional
        Run folder or model file of a second model. It answers the same requests in another process, and metrics and log
        record its disagreement.
    """
    service = Service(method, limits or Limits(), calibration, reference, recipes or {}, shadow)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.raw.start()
        warm_up(method, reference)
        yield
        service.close()

    app = FastAPI(
        title="redcore",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect has no JSON
    )
    app.state.service = service
    _add_routes(app, service)
    _add_error_handlers(app)
    app.add_middleware(PredictEndpoint, predict=service.predict)
    app.add_middleware(RequestMiddleware, responses=service.metrics.requests, api_key=api_key)
    return app


def _add_routes(app: FastAPI, service: Service) -> None:
    error_responses: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorResponse, "description": text} for status, text in ERROR_DESCRIPTIONS.items()
    }
    unauthorised: dict[int | str, dict[str, Any]] = {401: error_responses[401]}
    schema = service.request_model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs")
    body = {"required": True, "content": {"application/json": {"schema": schema}}}

    async def predict(request: Request) -> Response:
        # `PredictEndpoint` answers before this route is reached
        return Response(await service.predict(request.scope, request.receive), media_type="application/json")

    app.post(
        PREDICT_PATH,
        response_model=service.prediction_model,
        responses=error_responses,
        openapi_extra={"requestBody": body},
    )(predict)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Return status "ok" while the service is running."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse, responses=unauthorised)
    async def metrics() -> Response:
        """Return the metrics in the Prometheus text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/model", responses=unauthorised)
    async def model() -> dict[str, Any]:
        """Describe the model: method, input modalities, target, class prior and limits."""
        return service.model_description()

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        document = app.openapi()
        document["components"]["schemas"] |= definitions
        return document


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(StarletteHTTPException)
    async def handle_http_error(request: Request, error: StarletteHTTPException) -> JSONResponse:
        return error_response(request.scope, error)
