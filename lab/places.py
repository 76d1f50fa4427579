# SPDX-License-Identifier: MIT
"""Places of a labgrid coordinator: lock one for a while, so that it is free again whatever becomes of us."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError

_POLL_S = 1.0
_held: set[str] = set()  #: by this process


class PlaceError(LabError):
    """The coordinator does not answer, or refuses."""


def client(*arguments: str, timeout: float = 60) -> str:
    """Run ``labgrid-client ARGUMENTS``; its output. Raises PlaceError with its reason."""
    try:
        done = subprocess.run(
            [program("labgrid-client"), *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PlaceError(f"labgrid-client {arguments[-1]} did not end within {timeout:.0f} s") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise PlaceError(f"labgrid-client {' '.join(arguments)}: {lines[-1]}")
    return done.stdout


@contextmanager
def locked(place: str, time_limit: float = 60.0) -> Iterator[None]:
    """Hold *place* for the block; wait for it for seconds of *time_limit*.

    A small process of its own gives it back as soon as we close a pipe to it, which the kernel does for us
    where we are killed. Within the block it may be asked for again. Raises PlaceError.
    """
    if place in _held:
        yield
        return
    deadline = time.monotonic() + time_limit
    while True:
        try:
            client("-p", place, "acquire")
            break
        except PlaceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
    guard = subprocess.Popen(
        ["sh", "-c", 'cat >/dev/null; exec "$0" -p "$1" release', program("labgrid-client"), place],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it
    )
    _held.add(place)
    try:
        yield
    finally:
        _held.discard(place)
        guard.communicate(timeout=60)


def program(name: str) -> str:
    """A program of our own virtual environment, which need not be in PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if os.access(beside, os.X_OK) else name
