# SPDX-License-Identifier: MIT
"""Start, find and stop the process of a virtual board; all else goes over the board's ports."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import lab

from .state import BoardInfo, StateError, process_start, read

__all__ = ["BoardInfo", "StateError", "start", "status", "stop"]

_POLL = 0.02
_LOG = "board.log"


def start(
    state_dir: Path,
    *,
    name: str = "virtual",
    real_time: bool = False,
    link_speed: float | None = None,
    time_limit: float = 20.0,
    outlive: bool = True,
) -> BoardInfo:
    """Start a board, powered off, and wait until it can be reached.

    `link_speed` limits fastboot downloads (MB/s), `time_limit` is in seconds. The process outlives its
    starter unless `outlive` is false. Raises StateError if a board runs on the folder already, or does not
    come up, PermissionError for another user's folder.
    """
    state_dir = state_dir.absolute()
    if read(state_dir) is not None:
        raise StateError(f"a board is already running on {state_dir}")
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        raise
    except OSError as error:
        raise StateError(f"cannot use the board folder {state_dir}: {error.strerror}") from error
    command = [] if outlive else ["setpriv", "--pdeathsig", "TERM", "--"]
    command += [sys.executable, "-m", "lab.virtual", "--state", str(state_dir), "--name", name]
    command += ["--real-time"] if real_time else []
    command += ["--link-speed", str(link_speed)] if link_speed is not None else []
    home = str(Path(lab.__file__).parents[1])  # where this package is, installed or not
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    with (state_dir / _LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    deadline = time.monotonic() + time_limit
    try:
        while process.poll() is None and time.monotonic() < deadline:
            info = read(state_dir)
            if info is not None and info.pid == process.pid:
                process.returncode = 0  # it is on its own now: no ResourceWarning, no wait
                return info
            time.sleep(_POLL)
    except BaseException:
        process.kill()
        process.wait()
        raise
    ended = process.poll() is not None
    process.kill()
    process.wait()
    words = (state_dir / _LOG).read_text(errors="replace").strip().splitlines()
    reason = words[-1].removeprefix("error: ") if words else "no reason given"
    if not ended:
        reason = f"not ready after {time_limit:g} s"
    raise StateError(f"the virtual board did not start: {reason} (log: {state_dir / _LOG})")


def status(state_dir: Path) -> BoardInfo | None:
    """The board that runs on a folder, None if there is none."""
    return read(state_dir.absolute())


def stop(state_dir: Path, time_limit: float = 10.0) -> bool:
    """Cut the power and end the board's process; returns whether there was one. Seconds, then it is
    killed."""
    info = read(state_dir.absolute())
    if info is None:
        return False
    _signal(info, signal.SIGTERM)
    if not _gone(info, time_limit):
        _signal(info, signal.SIGKILL)
        _gone(info, time_limit)
    return True


def _signal(info: BoardInfo, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(info.pid, number)


def _gone(info: BoardInfo, time_limit: float) -> bool:
    deadline = time.monotonic() + time_limit
    while process_start(info.pid) == info.started:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    with contextlib.suppress(ChildProcessError):  # it may be ours, then it is a zombie until we look at it
        os.waitpid(info.pid, os.WNOHANG)
    return True
