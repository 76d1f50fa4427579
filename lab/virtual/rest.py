# SPDX-License-Identifier: MIT
"""Switches over HTTP: GET tells "0" or "1", PUT sets it.

This is what labgrid's NetworkPowerDriver (model `rest`) and HttpDigitalOutputDriver speak.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_TIME_LIMIT = 60.0
"""Seconds that a switch may take; a power cut kills a machine in far less."""


@dataclass(frozen=True)
class Switch:
    """How a switch is read and set; both run in the board's event loop."""

    get: Callable[[], bool]
    set: Callable[[bool], Awaitable[None]]


class RestServer:
    """Serves switches at their paths, for instance `/outlet/1`, on a free port of 127.0.0.1."""

    def __init__(self, switches: Mapping[str, Switch]) -> None:
        """Remember the running event loop; must be called from within it."""
        loop = asyncio.get_running_loop()

        class Handler(BaseHTTPRequestHandler):
            timeout = _TIME_LIMIT

            def do_GET(self) -> None:
                """Tell a switch's position."""
                if (switch := self._switch()) is not None:
                    self._answer(200, str(int(switch.get())))

            def do_PUT(self) -> None:
                """Set a switch and answer when it has taken effect."""
                length = self.headers.get("Content-Length", "")
                body = self.rfile.read(int(length)) if length.isdecimal() and int(length) <= 16 else b""
                if (switch := self._switch()) is None:
                    return
                if body not in (b"0", b"1"):
                    self._answer(400, "send 0 or 1")
                    return

                async def change(switch: Switch) -> None:
                    await switch.set(body == b"1")

                try:
                    asyncio.run_coroutine_threadsafe(change(switch), loop).result(_TIME_LIMIT)
                except Exception as error:
                    self._answer(500, str(error))
                else:
                    self._answer(200, body.decode())

            def _switch(self) -> Switch | None:
                switch = switches.get(self.path)
                if switch is None:
                    self._answer(404, f"no {self.path} here, only {', '.join(switches)}")
                return switch

            def _answer(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Silence: the board's own log tells what a switch did."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; requests that are under way are dropped with the process."""
        self._server.shutdown()
        self._server.server_close()
