"""Ask an ASGI application as a client would, without a server."""

import asyncio
from functools import partialmethod

import httpx
from starlette.types import ASGIApp

BASE = "http://127.0.0.1:8501"


class Client:
    """Requests one at a time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def request(self, method: str, path: str, **content: object) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **content)

        return asyncio.run(ask())

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
