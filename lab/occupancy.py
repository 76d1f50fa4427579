# SPDX-License-Identifier: MIT
"""One tool at a time has a board: a lock on its folder, which the kernel frees where its owner is killed."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lab.errors import UserError

_FILE = "in-use"


class InUseError(UserError):
    """Somebody else is at the board; the message says who."""


@contextmanager
def occupied(folder: Path, board: str) -> Iterator[None]:
    """Have the board of *folder* for the block. Raises InUseError at once where another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(
                f"the board {board} is in use by {_words(lock)}: wait for it, or end it"
            ) from None
        lock.truncate(0)
        lock.write(f"{_ourselves()}, process {os.getpid()}")
        lock.flush()
        yield
        lock.truncate(0)


def check_free(folder: Path, board: str) -> None:
    """Raises InUseError where a process has the board of *folder*."""
    if (folder / _FILE).exists():
        with occupied(folder, board):
            pass


def _ourselves() -> str:
    """Our command and its first word, e.g. ``offload-lab flash``."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.stem == "__main__" else program.name  # python -m
    return " ".join([name, *sys.argv[1:2]])


def _words(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read(200).strip() or "another process"
