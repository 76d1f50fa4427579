# SPDX-License-Identifier: MIT
"""The fastboot protocol's TCP transport: a handshake, then messages with an 8-byte big-endian length.

Source: AOSP, system/core/fastboot/README.md, "TCP Protocol v1".
"""

from __future__ import annotations

import asyncio
from typing import BinaryIO

HANDSHAKE = b"FB01"
MAX_COMMAND = 4096
"""Bytes; a longer command message is a client that has lost its way."""
MAX_RESPONSE = 256
"""Bytes of a response with its four-letter prefix (FB_RESPONSE_SZ of AOSP's fastboot)."""
_READ = 1 << 20


class LinkError(Exception):
    """The client is gone or does not speak the protocol."""


class Link:
    """One client's connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, speed: float | None
    ) -> None:
        """`speed` limits what comes in, in bytes per second."""
        self._reader = reader
        self._writer = writer
        self._speed = speed

    async def handshake(self) -> None:
        """Agree on protocol version 1 or later; raises LinkError."""
        self._writer.write(HANDSHAKE)
        theirs = await self._exactly(4)
        if theirs[:2] != b"FB" or not theirs[2:].isdigit() or int(theirs[2:]) < 1:
            raise LinkError(f"a client that does not speak fastboot sent {theirs!r}")

    async def command(self) -> str | None:
        """The next command, None when the client has hung up between two; raises LinkError."""
        try:
            head = await self._reader.readexactly(8)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise LinkError("link lost") from None
            return None
        except ConnectionError:
            raise LinkError("link lost") from None
        length = int.from_bytes(head, "big")
        if length > MAX_COMMAND:
            raise LinkError(f"a command of {length:,} bytes")
        return (await self._exactly(length)).decode("utf-8", "replace")

    async def receive(self, size: int, file: BinaryIO) -> None:
        """Take `size` bytes of data in as many messages as the client likes; raises LinkError and OSError.

        Where the file takes no more, the rest is still taken off the link, so that an answer can follow.
        """
        failure: OSError | None = None
        while size:
            length = int.from_bytes(await self._exactly(8), "big")
            if length > size:
                raise LinkError(f"{length - size:,} bytes more than were announced")
            size -= length
            while length:
                data = await self._some(min(length, _READ))
                length -= len(data)
                if failure is None:
                    try:
                        file.write(data)
                    except OSError as error:
                        failure = error
                if self._speed is not None:
                    await asyncio.sleep(len(data) / self._speed)
        if failure is not None:
            raise failure
        file.flush()

    async def send(self, kind: str, text: str = "") -> None:
        """Answer OKAY, FAIL, INFO or DATA; a text that is too long is cut."""
        body = f"{kind}{text}".encode()[:MAX_RESPONSE]
        try:
            self._writer.write(len(body).to_bytes(8, "big") + body)
            await self._writer.drain()
        except ConnectionError:
            raise LinkError("link lost") from None

    def abort(self) -> None:
        """Drop the connection at once."""
        self._writer.transport.abort()

    async def _exactly(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise LinkError("link lost") from None

    async def _some(self, limit: int) -> bytes:
        try:
            data = await self._reader.read(limit)
        except ConnectionError:
            data = b""
        if not data:
            raise LinkError("link lost")
        return data
