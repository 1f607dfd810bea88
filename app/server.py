"""The web server: pages, the API under /api, health and metrics; on loopback only.

``python -m app.server --host 127.0.0.1 --port 8501``; ``archfront web`` runs this.
"""

import argparse
import base64
import hashlib
import ipaddress
import re
import socket
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from streamlit import file_util
from streamlit.web import bootstrap

from app import api, charts, pages, trouble
from app.front import Curve
from app.guard import LOOPBACK_NAMES, Guard, content_policy
from db.session import require_current_schema

ROOT = Path(__file__).parents[1]
MAIN = ROOT / "app" / "main.py"
SETTINGS = ROOT / ".streamlit" / "config.toml"
LOOPBACK = "127.0.0.1"
PORT = 8501
START_SCRIPT = "/archfront.js"
PATIENCE_S = 3  # for open connections when the server is told to stop


def create_app(hosts: frozenset[str] = LOOPBACK_NAMES) -> st.App:
    """The whole site as one ASGI application.

    Args:
        hosts: names under which it may be asked for.
    """
    index, hashes = _index()
    return st.App(
        MAIN,
        routes=[*_page_routes(index), *api.plain_routes(), Mount("/api", api.create_api())],
        middleware=[Middleware(Guard, hosts=hosts, policy=content_policy(hashes))],
        on_script_error=trouble.show,
    )


def serve(
    host: str = LOOPBACK, port: int = PORT, *, is_published_on_loopback: bool = False
) -> None:
    """Serve until told to stop.

    Args:
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        is_published_on_loopback: this is a container whose port is published on loopback only,
            so that listening on all of the container's addresses reaches nobody else.

    Raises:
        ValueError: the address can be reached from elsewhere, and nobody has to sign in.
    """
    if not is_published_on_loopback:
        require_loopback(host)
    require_current_schema()
    bootstrap.load_config_options(settings())
    listener = _listen(host, port)
    config = uvicorn.Config(
        create_app(),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=64 * 2**20,
        timeout_graceful_shutdown=PATIENCE_S,
    )
    address, port = listener.getsockname()[:2]
    name = f"[{address}]" if ":" in address else address
    sys.stdout.write(f"Archfront is at http://{name}:{port}\n")
    sys.stdout.flush()
    Thread(target=warm_up, daemon=True).start()
    uvicorn.Server(config).run(sockets=[listener])


def warm_up() -> None:
    """Load what pages need, so that the first visitor does not wait for it."""
    for name in pages.ENTRIES:
        import_module(f"app.views.{name}")
    charts.hypervolume_chart(Curve(np.zeros(1, int), np.zeros(1), (0.0, 0.0))).to_json()


def require_loopback(host: str) -> None:
    """Refuse an address that others can reach.

    Raises:
        ValueError: says what to do.
    """
    if host.lower() == "localhost":
        return
    try:
        is_own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise ValueError(
            f"--host {host} can be reached from elsewhere, and Archfront has no sign-in yet: "
            "listen on 127.0.0.1 and let people in through a tunnel (ssh -L) or a proxy that "
            "asks who they are"
        )


def settings() -> dict[str, Any]:
    """What .streamlit/config.toml says, as Streamlit's option names."""
    return dict(_flat(tomllib.loads(SETTINGS.read_text("utf-8")), ""))


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m app.server", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument(
        "--published-on-loopback",
        action="store_true",
        help="for containers: the port is published on 127.0.0.1 of the host only",
    )
    given = parser.parse_args(arguments)
    try:
        serve(given.host, given.port, is_published_on_loopback=given.published_on_loopback)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another with --port"
        ) from None
    return listener


def _flat(tree: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        key = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            yield from _flat(value, key)
        else:
            yield key, value


def _page_routes(index: str) -> list[BaseRoute]:
    """Every page's address answers with the same frame; what it shows comes by websocket."""

    async def frame(request: Request) -> Response:
        return HTMLResponse(index, headers={"Cache-Control": "no-cache"})

    async def start(request: Request) -> Response:
        script = "window.__streamlit={BACKEND_BASE_URL:location.origin+'/'};"
        return PlainTextResponse(script, media_type="text/javascript")

    paths = [f"/{entry.path}" for entry in pages.ENTRIES.values()]
    return [Route(START_SCRIPT, start), *(Route(path, frame) for path in paths)]


def _index() -> tuple[str, list[str]]:
    """Streamlit's frame, told where its server is, and the hashes of its inline scripts.

    Without that it first asks below the page's own address and writes two errors to the
    console of everyone who opens a permalink.
    """
    text = (Path(file_util.get_static_dir()) / "index.html").read_text("utf-8")
    text = text.replace("<title>Streamlit</title>", "<title>Archfront</title>")
    text = text.replace("<head>", f'<head>\n    <script src="{START_SCRIPT}"></script>', 1)
    inline = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digests = [hashlib.sha256(script.encode()).digest() for script in inline]
    return text, [f"sha256-{base64.b64encode(digest).decode()}" for digest in digests]


if __name__ == "__main__":
    main()
