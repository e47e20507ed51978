"""HTTP client of an ASGI application in the same process."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx


def talk(app: Any, conversation: Callable[[httpx.AsyncClient], Any]) -> Any:
    """Run the coroutine function `conversation` with a client of `app` and return its result."""

    async def run() -> Any:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await conversation(client)

    return asyncio.run(run())
