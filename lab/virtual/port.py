# SPDX-License-Identifier: MIT
"""A TCP port that stays the board's own while nothing listens on it."""

from __future__ import annotations

import socket


class Port:
    """A free port of 127.0.0.1, kept by a socket that is bound but never listens.

    Connections are refused until somebody listens on it; on Linux that is possible, and only with
    SO_REUSEADDR, which asyncio and QEMU set. So fastboot and SSH keep their port over power cycles and are
    closed while the board is off.
    """

    def __init__(self) -> None:
        """Take a free port."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
