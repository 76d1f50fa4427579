# SPDX-License-Identifier: MIT
"""A terminal on a serial port, here or behind a raw TCP socket; Ctrl-] ends it."""

import os
import selectors
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import serial
from labgrid.exceptions import NoResourceFoundError
from labgrid.resource import NetworkSerialPort, Resource

from lab.errors import LabError

_END = b"\x1d"  # Ctrl-]


def connect(port: Resource) -> None:
    """Copy between the terminal and a serial port until Ctrl-] or the end of either. Raises LabError."""
    keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    with _open(port) as link, _raw(keys), selectors.DefaultSelector() as ready:
        ready.register(link, selectors.EVENT_READ)
        ready.register(keys, selectors.EVENT_READ)
        while True:
            for event, _ in ready.select():
                if event.fd == link.fileno():
                    if not (data := os.read(link.fileno(), 4096)):
                        return
                    os.write(screen, data)
                else:
                    data = os.read(keys, 4096)
                    if not data or _END in data:
                        return
                    while data:
                        data = data[os.write(link.fileno(), data) :]


def _open(port: Resource) -> socket.socket | serial.Serial:
    """A socket behind the network, a device here."""
    try:
        if isinstance(port, NetworkSerialPort):
            where = f"{port.host}:{port.port}"
            link = socket.create_connection((port.host, port.port), timeout=5)
            link.settimeout(None)
            return link
        port.target.await_resources([port])  # on USB it may not be plugged in
        where = port.port
        return serial.Serial(port.port, port.speed)
    except NoResourceFoundError as error:
        raise LabError(f"the console is not plugged in: {error}") from error
    except OSError as error:
        raise LabError(f"the console {where} does not answer: {error.strerror or error}") from error


@contextmanager
def _raw(keys: int) -> Iterator[None]:
    """Every key as it comes, Ctrl-C too: it is for the board."""
    if not os.isatty(keys):
        yield
        return
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys)  # drops the keys that came before it, so it is told afterwards
        print("connected; Ctrl-] ends it", end="\r\n", flush=True)
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
        print()
