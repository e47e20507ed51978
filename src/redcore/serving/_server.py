"""Server process: the application of one model on a bound socket."""

import gc
import logging.config
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from redcore.export import load_calibration, load_model, load_reference
from redcore.extract import load_recipes
from redcore.serving._app import make_app
from redcore.serving._limits import Limits
from redcore.serving._logs import log_config, logger
from redcore.serving._protocol import guarded_protocol

__all__ = ["GRACE_SECONDS", "ServerConfig", "load_app", "log_address", "run_server"]

GRACE_SECONDS = 30
"""Time after SIGTERM in which requests in flight may complete."""


@dataclass(frozen=True)
class ServerConfig:
    """Model and options of a server process.

    Attributes
    ----------
    run : Path
        Run folder or model file.
    limits : Limits
    api_key : str or None
    shadow : Path or None
        Run folder or model file of a second model that answers the same requests.
    tls_certificate, tls_key : Path or None
    json_logs : bool
        If True, every line of the log is a JSON object, and there is one per request.
    """

    run: Path
    limits: Limits
    api_key: str | None = None
    shadow: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    json_logs: bool = False


def load_app(config: ServerConfig) -> FastAPI:
    """Load the model and the recipes of its run, and return its application."""
    return make_app(
        load_model(config.run),
        config.limits,
        calibration=load_calibration(config.run),
        reference=load_reference(config.run),
        recipes=load_recipes(config.run),
        api_key=config.api_key,
        shadow=config.shadow,
    )


def log_address(config: ServerConfig, listener: socket.socket) -> None:
    """Configure the log of the service, and write the URL of a bound socket to it."""
    logging.config.dictConfig(log_config(config.json_logs))
    host, port = listener.getsockname()[:2]
    scheme = "http" if config.tls_certificate is None else "https"
    address = f"[{host}]" if listener.family == socket.AF_INET6 else host
    logger.info("%s: POST %s://%s:%d/predict", config.run, scheme, address, port)


def run_server(config: ServerConfig, app: FastAPI, listener: socket.socket) -> None:
    """Serve the application on a bound socket until SIGINT or SIGTERM."""
    server = uvicorn.Config(
        app,
        http=guarded_protocol(config.limits),
        ws="none",
        access_log=False,
        server_header=False,
        log_config=log_config(config.json_logs),
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=config.tls_certificate,
        ssl_keyfile=config.tls_key,
    )
    # a full collection of the objects of PyTorch and the model takes some 40 ms
    gc.collect()
    gc.freeze()
    uvicorn.Server(server).run(sockets=[listener])
