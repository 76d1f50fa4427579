# SPDX-License-Identifier: MIT
"""The serial console: a TCP socket that outlives the machine behind it, and a log of all that was ever
printed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

_BACKLOG = 1 << 20
"""Bytes that a client may lag behind; what comes later is lost to it, as on a serial line that no one
reads."""


class Console:
    """Everybody who is connected sees everything; what anybody types goes to the machine."""

    def __init__(self, log: Path) -> None:
        """Append the log to `log`."""
        self._log = log.open("ab", buffering=0)
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.on_input: Callable[[bytes], None] | None = None
        """Where the keys go; None while there is no machine to take them."""

    @property
    def in_use(self) -> bool:
        """Whether somebody is connected."""
        return bool(self._clients)

    async def start(self) -> int:
        """Listen on a free port of 127.0.0.1 and return it."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def admit(self) -> None:
        """Let everybody in who has connected by now, so that they see what is said next."""
        for _ in range(10):  # asyncio needs four rounds of its loop to make a client out of a connection
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Drop all clients."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._clients):
            writer.transport.abort()
        self._log.close()

    def write(self, data: bytes) -> None:
        """Bytes from the board."""
        with contextlib.suppress(OSError):  # a full disk must not stop the board
            self._log.write(data)
        for writer in self._clients:
            if writer.transport.get_write_buffer_size() < _BACKLOG:
                writer.write(data)

    def say(self, text: str) -> None:
        """A line from the bootloader."""
        self.write(f"bootloader: {text}\r\n".encode())

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while data := await reader.read(4096):
                if self.on_input is not None:
                    self.on_input(data)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or the board's process ends
        finally:
            self._clients.discard(writer)
            writer.close()
