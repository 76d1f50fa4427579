# SPDX-License-Identifier: MIT
"""Pauses a machine in virtual time that nobody is connected to.

Virtual time skips what the guest sleeps, so an idle guest races from timer to timer: it would keep a CPU of
the host busy for ever, and its clock would run years ahead.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

AFTER_START = 120.0
"""Seconds from the machine's start before it may be paused: a boot needs less, so that whoever comes later
finds a board that is up."""
AFTER_USE = 5.0
"""Seconds from the last connection before it is paused: more than lies between two commands of one test."""
POLL = 0.25
"""Seconds between two looks; a new client waits as long for a paused machine."""

_TCP = Path("/proc/net/tcp")
_ESTABLISHED = "01"  # enum of TCP states, include/net/tcp_states.h


class Idle:
    """Decides when a machine rests; its times are seconds of any one clock."""

    def __init__(self, started: float) -> None:
        """The machine started at `started`."""
        self._until = started + AFTER_START

    def rests(self, now: float, in_use: bool) -> bool:
        """Whether the machine should be paused, given whether somebody is connected to it now."""
        if in_use:
            self._until = max(self._until, now + AFTER_USE)
        return now >= self._until


async def watch(in_use: Callable[[], bool], pause: Callable[[bool], None]) -> None:
    """Pause a machine that has just started, and let it go on, until cancelled; tells so on stderr, which is
    the board's log."""
    idle = Idle(time.monotonic())
    paused = False
    while True:
        if idle.rests(time.monotonic(), in_use()) is not paused:
            paused = not paused
            pause(paused)
            news = "nobody is connected, the machine is paused" if paused else "the machine goes on"
            print(news, file=sys.stderr, flush=True)
        await asyncio.sleep(POLL)


def connected(port: int) -> bool:
    """Whether somebody is connected to a TCP port of this host; true if that cannot be told.

    QEMU forwards the port by itself and does not say who comes, so the host's kernel is asked (proc(5),
    /proc/net/tcp: local address and state are the second and the fourth column, in hexadecimal).
    """
    try:
        lines = _TCP.read_text().splitlines()[1:]
    except OSError:
        return True
    local = f":{port:04X}"
    return any(columns[1].endswith(local) and columns[3] == _ESTABLISHED for columns in map(str.split, lines))
