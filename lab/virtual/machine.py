# SPDX-License-Identifier: MIT
"""What the board needs of the machine that runs its kernel."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from lab.images.androidboot import BootImage

INSTRUCTION_NS = 2
"""Nanoseconds by which virtual time advances for each instruction; a power of two, as QEMU wants it."""


class MachineError(Exception):
    """The machine did not start, or stopped by itself; the message is one sentence."""


class Stop(Enum):
    """Why a machine came to its end."""

    RESET = "reset"
    POWEROFF = "power-off"


class Machine(Protocol):
    """A machine that is off until it is run."""

    real_time: bool
    """Whether time in the machine is the host's time; taken over at the next start."""

    async def run(
        self, boot: BootImage, output: Callable[[bytes], None], started: Callable[[], None]
    ) -> Stop:
        """Run a boot image to its end; cancelling it cuts the power.

        `output` gets what the serial port prints, `started` is called once the machine runs. Raises
        MachineError.
        """

    def type(self, keys: bytes) -> None:
        """Send bytes to the serial port."""

    def pause(self, on: bool) -> None:
        """Stop the machine and its time, or let it go on; nothing happens unless it runs."""
