"""``redcore serve``: HTTP service for the model of a run."""

import os
import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import takes

__all__ = ["serve"]

KEY_VARIABLE = "REDCORE_API_KEY"


class LogFormat(StrEnum):
    """Form of the log lines."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True)
class ServeOptions:
    """Arguments and options of ``redcore serve``."""

    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit', or a model file.")]
    port: Annotated[int, typer.Option(help="Port to listen on; 0 selects a free port.", min=0, max=65535)] = 8000
    host: Annotated[
        str, typer.Option(help="Address to listen on. The default accepts requests from this machine only.")
    ] = "127.0.0.1"
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar=KEY_VARIABLE, help="Key that clients must send in the header X-API-Key.", show_default=False
        ),
    ] = None
    max_body_bytes: Annotated[int, typer.Option(help="Maximum size of a request body in bytes.", min=1)] = 4 * 2**20
    max_samples: Annotated[int, typer.Option(help="Maximum number of samples per request.", min=1)] = 64
    max_steps: Annotated[int, typer.Option(help="Maximum number of time steps per sequence.", min=1)] = 10_000
    max_seconds: Annotated[float, typer.Option(help="Maximum duration of raw audio and video.", min=0.001)] = 60.0
    max_decoded_bytes: Annotated[
        int, typer.Option(help="Maximum memory in bytes for decoding one raw input.", min=2**26)
    ] = 2**30
    max_waiting: Annotated[
        int, typer.Option(help="Maximum number of queued samples; further requests get status 503.", min=1)
    ] = 1024
    timeout: Annotated[
        float, typer.Option(help="Time limit in seconds for a request body to arrive and for a prediction.", min=0.001)
    ] = 10.0
    header_timeout: Annotated[
        float, typer.Option(help="Time limit in seconds for the headers of a request to arrive.", min=0.001)
    ] = 5.0
    max_connections: Annotated[int, typer.Option(help="Maximum number of open connections.", min=1)] = 1024
    max_connections_per_address: Annotated[
        int, typer.Option(help="Maximum number of open connections of one address, such as a proxy.", min=1)
    ] = 256
    shadow: Annotated[
        Path | None,
        typer.Option(
            help="Finished run folder or model file of a second model, which answers the same requests in another "
            "process. Its disagreement is logged and counted; it changes no answer."
        ),
    ] = None
    workers: Annotated[
        int, typer.Option(help="Number of processes that serve the port. Limits hold per process.", min=1, max=256)
    ] = 1
    log_format: Annotated[
        LogFormat, typer.Option(help="Form of the log on stderr. 'json' also writes a line per request.")
    ] = LogFormat.TEXT
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file with the certificate chain; the service then uses HTTPS.")
    ] = None
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with the private key of the certificate.")] = None


@takes(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serve predictions of the model of RUN over HTTP, until Ctrl-C or SIGTERM.

    A run on a store of 'redcore extract' also accepts raw inputs: text, and files in base64.
    """
    from redcore._extras import imports_of_extra
    from redcore.cli._output import warnings_as_messages

    _check_access(options)
    with imports_of_extra("serve"):
        from redcore.serving import Limits, ServerConfig, load_app, log_address, run_server, run_workers
    limits = Limits(
        max_body_bytes=options.max_body_bytes,
        max_samples=options.max_samples,
        max_steps=options.max_steps,
        max_seconds=options.max_seconds,
        max_decoded_bytes=options.max_decoded_bytes,
        max_waiting=options.max_waiting,
        timeout_seconds=options.timeout,
        header_seconds=options.header_timeout,
        max_connections=options.max_connections,
        max_connections_per_address=options.max_connections_per_address,
    )
    config = ServerConfig(
        options.run,
        limits,
        options.api_key,
        options.shadow,
        options.tls_certificate,
        options.tls_key,
        json_logs=options.log_format is LogFormat.JSON,
    )
    # models are loaded before the port is bound, also where only the workers use them: a bad file ends the command
    with warnings_as_messages():
        app = load_app(config)
    with _bound_socket(options.host, options.port) as listener:
        log_address(config, listener)
        if options.workers == 1:
            run_server(config, app, listener)
        else:
            run_workers(config, listener, options.workers)


def _check_access(options: ServeOptions) -> None:
    """Raise `SettingsError` if the key is empty or absent where it is needed, or a TLS file is absent."""
    from redcore.exceptions import SettingsError

    # typer ignores an empty environment variable
    key = options.api_key if options.api_key is not None else os.environ.get(KEY_VARIABLE)
    if key is not None and not key.strip():
        raise SettingsError(f"--api-key ({KEY_VARIABLE}) is empty")
    if key is None and not _is_loopback(options.host):
        raise SettingsError(
            f"--host {options.host}: anyone who can reach this address could send requests; set --api-key or "
            f"{KEY_VARIABLE}"
        )
    if (options.tls_certificate is None) != (options.tls_key is None):
        raise SettingsError("TLS needs both --tls-certificate and --tls-key")
    for path in (options.tls_certificate, options.tls_key):
        if path is not None and not path.is_file():
            raise SettingsError(f"{path}: no such file")


def _bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    Raises
    ------
    RunError
        If the address is in use or not of this machine.
    """
    from redcore.exceptions import RunError

    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise RunError(f"--host {host} --port {port}: cannot listen ({error.strerror})") from None
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
