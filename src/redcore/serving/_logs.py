"""Structured logs: one JSON object per line, with one line per request."""

import json
import logging
import re
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redcore._pattern_names import pattern_name
from redcore.serving._samples import Sample

__all__ = ["REQUEST_ID_HEADER", "RequestLog", "log_config", "logger"]

REQUEST_ID_HEADER = "X-Request-ID"

logger = logging.getLogger("redcore.serving")
requests = logging.getLogger("redcore.serving.requests")

_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass
class RequestLog:
    """Content of the log line of one request.

    Attributes
    ----------
    id : str
        Request id of the client if it has at most 64 letters, digits and ``._:-``, otherwise a random one.
    method, path : str
    patterns : dict of str to int
        Number of samples by missing pattern, such as ``{"ecg+labs": 3, "none": 1}``.
    warnings : list of str
        Differences of the latest samples from the training data.
    """

    id: str
    method: str
    path: str
    patterns: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    start: float = field(default_factory=time.perf_counter)

    @classmethod
    def of(cls, requested_id: str, method: str, path: str) -> "RequestLog":
        """Return the log of a request that has just begun."""
        is_safe = _SAFE_ID.fullmatch(requested_id) is not None
        return cls(requested_id if is_safe else uuid.uuid4().hex, method[:20], path[:200])

    def count(self, samples: list[Sample]) -> None:
        """Count the missing patterns of the samples of the request, unless the log is text."""
        if not requests.isEnabledFor(logging.INFO):
            return
        self.patterns = dict(Counter(pattern_name(sorted(sample)) or "none" for sample in samples))

    def write(self, status: int, error: str | None) -> None:
        """Write the line, unless the log is text."""
        if not requests.isEnabledFor(logging.INFO):
            return
        seconds = round(time.perf_counter() - self.start, 6)
        content = {"event": "request", "id": self.id, "method": self.method, "path": self.path, "status": status}
        content |= {"seconds": seconds, "patterns": self.patterns, "warnings": self.warnings}
        requests.info("request", extra={"content": content if error is None else {**content, "error": error}})


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time (UTC), level, then the content of the record or its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record. A traceback is one string in it."""
        content: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        content |= getattr(record, "content", None) or {"event": "message", "message": record.getMessage()}
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content)


def log_config(as_json: bool) -> dict[str, Any]:
    """Return the configuration of `logging` for the process of the service. All lines go to stderr.

    Parameters
    ----------
    as_json : bool
        If True, every line is a JSON object, and every request has one. Otherwise lines are text, about starts, stops,
        errors and disagreements of a shadow model.
    """
    text = {"format": "%(levelname)s: %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonFormatter} if as_json else text},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            logger.name: {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            requests.name: {"level": "INFO" if as_json else "WARNING"},
        },
    }
