"""Limits of the HTTP service."""

from typing import Annotated

from pydantic import Field

from redcore._settings import Settings

__all__ = ["Limits"]


class Limits(Settings):
    """Limits on request size, queue length and time. A request beyond a limit is rejected with an error status.

    Attributes
    ----------
    max_body_bytes : int >= 1, default 4 MiB
        Size of a request body. A larger body gets status 413.
    max_samples : int >= 1, default 64
        Samples per request; more get status 422.
    max_steps : int >= 1, default 10,000
        Time steps per sequence; longer sequences get status 422.
    max_seconds : float > 0, default 60
        Duration of raw audio and video; longer recordings get status 422.
    max_decoded_bytes : int >= 64 MiB, default 1 GiB
        Memory for decoding one raw input, such as the pixels of an image; inputs that need more get status 422. Not
        enforced on systems without ``/proc``.
    max_batch : int >= 1, default 256
        Samples per batch.
    max_waiting : int >= 1, default 1024
        Samples that may wait for prediction. Requests beyond it get status 503 with ``Retry-After``.
    max_requests : int >= 1, default 256
        Requests in flight. Requests beyond it get status 503 with ``Retry-After``.
    timeout_seconds : float > 0, default 10
        Time for a request body to arrive (then status 408), for raw inputs to be converted, and for a prediction to
        complete (then status 503).
    header_seconds : float > 0, default 5
        Time for the headers of a request to arrive; then status 408, and the connection is closed.
    max_connections_per_address : int >= 1, default 256
        Open connections of one address. Connections beyond it get status 503 and are closed. A proxy in front of the
        service is one address.
    max_connections : int >= 1, default 1024
        Open connections of all addresses.
    """

    max_body_bytes: Annotated[int, Field(ge=1)] = 4 * 2**20
    max_samples: Annotated[int, Field(ge=1)] = 64
    max_steps: Annotated[int, Field(ge=1)] = 10_000
    max_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_decoded_bytes: Annotated[int, Field(ge=2**26)] = 2**30
    max_batch: Annotated[int, Field(ge=1)] = 256
    max_waiting: Annotated[int, Field(ge=1)] = 1024
    max_requests: Annotated[int, Field(ge=1)] = 256
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    header_seconds: Annotated[float, Field(gt=0)] = 5.0
    max_connections_per_address: Annotated[int, Field(ge=1)] = 256
    max_connections: Annotated[int, Field(ge=1)] = 1024
