# SPDX-License-Identifier: MIT
"""A terminal on a raw TCP socket: keys go out as they are typed, Ctrl-] ends it."""

import os
import selectors
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import LabError

_END = b"\x1d"  # Ctrl-]


def connect(host: str, port: int) -> None:
    """Copy between the terminal and the socket until Ctrl-] or the end of either. Raises LabError."""
    try:
        link = socket.create_connection((host, port), timeout=5)
    except OSError as error:
        raise LabError(f"the console {host}:{port} does not answer: {error.strerror or error}") from error
    keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    with link, _raw(keys), selectors.DefaultSelector() as ready:
        link.settimeout(None)
        ready.register(link, selectors.EVENT_READ)
        ready.register(keys, selectors.EVENT_READ)
        while True:
            for event, _ in ready.select():
                if event.fileobj is link:
                    if not (data := link.recv(4096)):
                        return
                    os.write(screen, data)
                else:
                    data = os.read(keys, 4096)
                    if not data or _END in data:
                        return
                    link.sendall(data)


@contextmanager
def _raw(keys: int) -> Iterator[None]:
    """Every key as it comes, Ctrl-C too: it is for the board."""
    if not os.isatty(keys):
        yield
        return
    print("connected; Ctrl-] ends it", flush=True)
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys)
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
        print()
