"""Second model that answers the same requests in another process, and whose disagreement is recorded."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from redcore.data import Schema, require_single_target
from redcore.exceptions import RunError
from redcore.export import load_model
from redcore.methods import Method
from redcore.serving._limits import Limits
from redcore.serving._logs import logger
from redcore.serving._metrics import Metrics
from redcore.serving._samples import (
    format_predictions,
    parse_samples,
    predict_samples,
    request_model,
    validation_messages,
)

__all__ = ["Shadow"]

QUEUE_LENGTH = 256
"""Requests that wait for the second model. Requests beyond it are not compared and are counted as dropped."""

RESTART_SECONDS = 5.0
"""Time between the end of the second process and its next start."""

NICE = 10
CURVE_DIFFERENCE = 0.1
"""Difference of two probabilities of survival from which two samples disagree."""


@dataclass(frozen=True)
class Comparison:
    """Result of one request: number of samples, number of those that disagree, and the largest difference."""

    n_samples: int
    n_different: int
    difference: float


class Shadow:
    """Client of the process of the second model.

    `submit` only adds to a bounded queue, so that the second model can neither delay nor fail an answer. The process
    starts with the first request. It has a lower priority and one thread. If it ends, it is started again.

    Parameters
    ----------
    path : Path
        Run folder or model file of the second model.
    schema : Schema
        Schema of the first model.
    limits : Limits
    metrics : Metrics

    Raises
    ------
    RunError
        If the second model has another target.
    """

    def __init__(self, path: Path, schema: Schema, limits: Limits, metrics: Metrics) -> None:
        _check_target(path, schema)
        self.path, self.limits, self.metrics = path, limits, metrics
        self._queue: queue.Queue[tuple[str, bytes, list[dict[str, Any]]] | None] = queue.Queue(QUEUE_LENGTH)
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def submit(self, request_id: str, body: bytes, predictions: list[dict[str, Any]]) -> None:
        """Queue a request and its answer for comparison, or drop it if the queue is full. Call from one thread only."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="redcore-shadow", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait((request_id, body, predictions))
        except queue.Full:
            self.metrics.shadow_requests.labels("dropped").inc()

    def close(self) -> None:
        """Stop the second process."""
        self._is_closed.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _work(self) -> None:
        while not self._is_closed.is_set():
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=_answer, args=(self.path, self.limits, theirs), daemon=True)
            process.start()
            theirs.close()
            try:
                self._compare(ours)
            except (EOFError, OSError) as error:
                text = "the process of the shadow model %s ended; it is started again in %s s %s"
                logger.warning(text, self.path, RESTART_SECONDS, error)
                self.metrics.shadow_requests.labels("failed").inc()
                self._is_closed.wait(RESTART_SECONDS)
            finally:
                ours.close()
                process.terminate()
                process.join(timeout=2)

    def _compare(self, process: Connection) -> None:
        """Send requests to the process and record its answers, until the shadow is closed or the process ends."""
        error = self._answer_of(process)
        if error is not None:
            raise OSError(error)
        while not self._is_closed.is_set():
            task = self._queue.get()
            if task is None:
                return
            request_id, body, predictions = task
            process.send((body, predictions))
            self._record(request_id, self._answer_of(process))

    def _answer_of(self, process: Connection) -> Any:
        """Return the next message of the process; None if the shadow is closed meanwhile."""
        while not process.poll(0.5):
            if self._is_closed.is_set():
                return None
        return process.recv()

    def _record(self, request_id: str, result: Comparison | str | None) -> None:
        if result is None:
            return
        if isinstance(result, str):
            self.metrics.shadow_requests.labels("failed").inc()
            logger.warning("shadow", extra={"content": {"event": "shadow", "id": request_id, "error": result}})
            return
        self.metrics.shadow_requests.labels("different" if result.n_different else "same").inc()
        self.metrics.shadow_samples.inc(result.n_samples)
        self.metrics.shadow_disagreements.inc(result.n_different)
        self.metrics.shadow_difference.observe(result.difference)
        if result.n_different:
            content = {"event": "shadow", "id": request_id, "samples": result.n_samples}
            content |= {"different": result.n_different, "difference": round(result.difference, 6)}
            text = "shadow: request %s: %d of %d samples differ"
            logger.info(text, request_id, result.n_different, result.n_samples, extra={"content": content})


def _check_target(path: Path, schema: Schema) -> None:
    require_single_target(schema.target_kind, "--shadow")
    other = load_model(path).schema
    kinds = (str(other.target_kind), str(schema.target_kind))
    if kinds[0] != kinds[1]:
        raise RunError(f"--shadow {path}: the target is {kinds[0]}, expected {kinds[1]} as in the first model")
    classes = [None if own.classes is None else own.classes.tolist() for own in (other, schema)]
    times = [None if own.grid is None else own.grid.borders.tolist() for own in (other, schema)]
    if (classes[0], times[0], other.n_outputs) != (classes[1], times[1], schema.n_outputs):
        raise RunError(f"--shadow {path}: other classes or outputs than the first model")


def _answer(path: Path, limits: Limits, connection: Connection) -> None:
    """Answer the requests of a connection until it is closed. Runs in the second process.

    The first message is None, or the reason why the model cannot be loaded.
    """
    import torch

    # Ctrl-C reaches all processes of a terminal; the first process ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    torch.set_num_threads(1)
    with contextlib.suppress(EOFError, OSError):
        try:
            method = load_model(path)
        except Exception as error:
            connection.send(f"({type(error).__name__}: {error})")
            return
        connection.send(None)
        model = request_model(method.schema, limits)
        while True:
            body, predictions = connection.recv()
            connection.send(_comparison(method, model, body, predictions))


def _comparison(
    method: Method, model: type[BaseModel], body: bytes, predictions: list[dict[str, Any]]
) -> Comparison | str:
    """Return the comparison of both answers, or an error message."""
    try:
        samples = parse_samples(model.model_validate_json(body), method)
        own = format_predictions(method, samples, predict_samples(method, samples))
    except ValidationError as error:
        return "; ".join(validation_messages(error, method.schema))
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:500]
    pairs = list(zip(predictions, own, strict=True))
    differences = [_difference(first, second) for first, second in pairs]
    return Comparison(len(own), sum(_disagree(*pair) for pair in pairs), max(differences, default=0.0))


def _disagree(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Return True if two predictions differ in the label, or the number of the second is outside of the interval."""
    for key in ("label", "labels"):
        if key in first:
            return bool(first[key] != second[key])
    if "survival" in first:
        return _difference(first, second) > CURVE_DIFFERENCE
    intervals = [first["interval"]] if "interval" in first else first.get("intervals", [])
    numbers = _numbers(second)
    return any(
        bounds is not None and not bounds[0] <= number <= bounds[1]
        for bounds, number in zip(intervals, numbers, strict=False)
    )


def _difference(first: dict[str, Any], second: dict[str, Any]) -> float:
    """Return the largest absolute difference of the probabilities or numbers of two predictions."""
    pairs = zip(_numbers(first), _numbers(second), strict=True)
    return max((abs(one - other) for one, other in pairs), default=0.0)


def _numbers(prediction: dict[str, Any]) -> list[float]:
    if "probabilities" in prediction:
        return list(prediction["probabilities"].values())
    numbers: list[float] = prediction.get("survival") or prediction.get("numbers") or [prediction["number"]]
    return numbers
