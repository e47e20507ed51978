"""``redcore serve``: HTTP service for the model of a run."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import takes

__all__ = ["serve"]

GRACE_SECONDS = 30
"""Time after SIGTERM in which requests in flight may complete."""

MAX_CONNECTIONS = 1024


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
            envvar="REDCORE_API_KEY", help="Key that clients must send in the header X-API-Key.", show_default=False
        ),
    ] = None
    max_body_bytes: Annotated[int, typer.Option(help="Maximum size of a request body in bytes.", min=1)] = 4 * 2**20
    max_samples: Annotated[int, typer.Option(help="Maximum number of samples per request.", min=1)] = 64
    max_steps: Annotated[int, typer.Option(help="Maximum number of time steps per sequence.", min=1)] = 10_000
    max_waiting: Annotated[
        int, typer.Option(help="Maximum number of queued samples; further requests get status 503.", min=1)
    ] = 1024
    timeout: Annotated[
        float, typer.Option(help="Time limit in seconds for a request body to arrive and for a prediction.", min=0.001)
    ] = 10.0


@takes(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serve predictions of the model of RUN over HTTP, until Ctrl-C or SIGTERM."""
    from redcore.cli._output import messages
    from redcore.exceptions import RunError
    from redcore.export import load_calibration, load_model

    method = load_model(options.run)
    try:
        import uvicorn

        from redcore.serving import Limits, make_app
    except ImportError as error:
        raise RunError(f"package {error.name} is not installed: pip install 'redcore[serve]'") from None
    limits = Limits(
        max_body_bytes=options.max_body_bytes,
        max_samples=options.max_samples,
        max_steps=options.max_steps,
        max_waiting=options.max_waiting,
        timeout_seconds=options.timeout,
    )
    if options.api_key is None and not _is_loopback(options.host):
        messages.print(
            f"warning: anyone who can reach {options.host} can send requests because no --api-key was given",
            markup=False,
        )
    uvicorn.run(
        make_app(method, limits, calibration=load_calibration(options.run), api_key=options.api_key),
        host=options.host,
        port=options.port,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
