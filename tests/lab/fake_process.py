# SPDX-License-Identifier: MIT
"""Runs fake_board.py as the process of the board `virtual`."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lab.paths import ROOT
from lab.virtual import client


@contextlib.contextmanager
def fake_board(state: Path, link_speed: float | None = None) -> Iterator[client.BoardInfo]:
    """A board whose machine only pretends, with its state in the folder *state*; *link_speed* in bytes/s."""
    command = [sys.executable, str(Path(__file__).with_name("fake_board.py")), str(state)]
    command += [str(link_speed)] if link_speed else []
    process = subprocess.Popen(command, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 90  # on a busy machine
        while (info := client.status(state)) is None:
            assert process.poll() is None and time.monotonic() < deadline, "the fake board does not start"
            time.sleep(0.02)
        yield info
    finally:
        process.terminate()
        process.wait(timeout=90)
