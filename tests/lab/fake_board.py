# SPDX-License-Identifier: MIT
"""The board's process with a machine that only pretends: `python fake_board.py STATE [LINK_SPEED]`.

The machine prints its command line and echoes keys; a line "off" powers off, "reset" resets, "crash" fails.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from lab.images.androidboot import BootImage
from lab.virtual.machine import MachineError, Stop
from lab.virtual.service import Options, serve
from lab.virtual.state import StateFolder


class FakeMachine:
    """See lab.virtual.machine.Machine."""

    def __init__(self, folder: Path, disk: Path, ssh_port: int, real_time: bool) -> None:
        self.real_time = real_time
        self._keys: asyncio.Queue[bytes] = asyncio.Queue()

    async def run(
        self, boot: BootImage, output: Callable[[bytes], None], started: Callable[[], None]
    ) -> Stop:
        started()
        output(f"fake machine, {'real' if self.real_time else 'virtual'} time: {boot.cmdline}\r\n".encode())
        line = b""
        while True:
            keys = await self._keys.get()
            output(keys)
            line += keys
            if b"\n" not in line:
                continue
            word, _, line = line.partition(b"\n")
            match word.strip():
                case b"off":
                    return Stop.POWEROFF
                case b"reset":
                    return Stop.RESET
                case b"crash":
                    raise MachineError("the machine crashed, as it was told")

    def type(self, keys: bytes) -> None:
        self._keys.put_nowait(keys)

    def pause(self, on: bool) -> None:
        """It has no time to waste."""


if __name__ == "__main__":
    with StateFolder(Path(sys.argv[1])) as state:
        speed = float(sys.argv[2]) if len(sys.argv) > 2 else None
        sys.exit(asyncio.run(serve(state, Options("fake", link_speed=speed), FakeMachine)))
