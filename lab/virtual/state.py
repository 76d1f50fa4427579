# SPDX-License-Identifier: MIT
"""The board's folder: one process at a time owns it, and tells in board.json how to reach the board."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType


class StateError(Exception):
    """A folder that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class BoardInfo:
    """A running board: its process and its TCP ports on 127.0.0.1."""

    name: str
    pid: int
    started: int
    """Start of the process in clock ticks since the host's boot: with the pid, proof that it is still the
    same one."""
    real_time: bool
    """How it was started; the switch /switch/real-time may have been set since."""
    ports: dict[str, int]
    """power, buttons, fastboot, console, ssh."""


class StateFolder:
    """Holds the lock on a board's folder."""

    def __init__(self, path: Path) -> None:
        """Make the folder if needed and lock it; raises StateError if another board's process has it."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)  # the disk holds the keys of its SSH server
            self._lock = (path / "lock").open("w")
        except OSError as error:
            raise StateError(f"cannot use the board folder {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise StateError(f"a board is already running on {path}") from None
        with suppress(FileNotFoundError):
            (path / "board.json").unlink()  # left by a process that was killed

    def __enter__(self) -> StateFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        with suppress(FileNotFoundError):
            (self.path / "board.json").unlink()
        self._lock.close()

    def publish(self, name: str, real_time: bool, ports: dict[str, int]) -> None:
        """Tell the world that the board is there."""
        pid = os.getpid()
        info = BoardInfo(name, pid, process_start(pid) or 0, real_time, ports)
        new = self.path / "board.json.new"
        new.write_text(json.dumps(asdict(info), indent=2) + "\n")
        new.replace(self.path / "board.json")


def read(path: Path) -> BoardInfo | None:
    """The board that runs on a folder; None if there is none, or only the file of one that was killed."""
    try:
        info = BoardInfo(**json.loads((path / "board.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return info if process_start(info.pid) == info.started else None


def process_start(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), field 22 of stat); None if it is not
    running."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
