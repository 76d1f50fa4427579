# SPDX-License-Identifier: MIT
"""fastboot with time limits: the stock client waits for ever where nothing listens."""

import os
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import attr
from labgrid.driver import AndroidFastbootDriver, Driver
from labgrid.factory import target_factory
from labgrid.resource.fastboot import AndroidNetFastboot
from labgrid.step import step

from lab.errors import LabError
from lab.flash import LinkLostError

#: fastboot's TCP handshake, sent by both sides (AOSP, system/core/fastboot/README.md).
HANDSHAKE = b"FB01"
_TICK_S = 0.3


class FastbootError(LabError):
    """The bootloader does not answer, or refuses a command; the message has its reason."""


class FastbootLinkError(FastbootError, LinkLostError):
    """The link broke, or nothing came over it for too long: the command may be tried again."""


@target_factory.reg_driver
@attr.s(eq=False)
class LimitedFastbootDriver(AndroidFastbootDriver):
    """AndroidFastbootDriver with a preflight, time limits, reasons for failures, and the output as it comes.

    Args:
        answer_timeout (float): seconds within which the bootloader must answer
        command_timeout (float): seconds that a command may take, beside the time for its data
        slowest_rate (float): bytes per second below which a transfer counts as stuck
    """

    answer_timeout = attr.ib(default=30.0, converter=float)
    command_timeout = attr.ib(default=60.0, converter=float)
    slowest_rate = attr.ib(default=2e6, converter=float)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        #: Told of each line of fastboot's output as it grows; the command line shows progress with it.
        self.listener: Callable[[str], None] | None = None
        #: Where everything that fastboot says is appended, if set.
        self.log: Path | None = None
        #: Called a few times per second while a command runs, e.g. to read the console along.
        self.meanwhile: Callable[[], None] | None = None

    @Driver.check_active
    @step()
    def await_answer(self) -> None:
        """Wait until the bootloader answers. Raises FastbootError after ``answer_timeout``."""
        deadline = time.monotonic() + self.answer_timeout
        while not self.answers(max(deadline - time.monotonic(), 0.1)):
            if time.monotonic() > deadline:
                raise FastbootError(
                    f"the board does not answer in fastboot mode within {self.answer_timeout:.0f} s: "
                    "hold VOL- and power-cycle it, then try again"
                )
            time.sleep(0.1)

    @Driver.check_active
    def answers(self, limit: float = 2.0) -> bool:
        """Whether the bootloader answers now; seconds of *limit* are not exceeded."""
        if not (isinstance(self.fastboot, AndroidNetFastboot) and self.fastboot.protocol == "tcp"):
            # Over USB, or through an exporter, only the client itself can tell.
            try:
                return self._run("getvar", "product", limit=limit)[0] == 0
            except TimeoutError:
                return False
        try:
            with socket.create_connection((self.fastboot.address, self.fastboot.port), limit) as link:
                link.settimeout(limit)
                link.sendall(HANDSHAKE)
                return link.recv(4) == HANDSHAKE
        except OSError:
            return False

    @Driver.check_active
    @step(title="call", args=["args"])
    def __call__(self, *args: str) -> None:
        """Run ``fastboot ARGS``. Raises FastbootError with the bootloader's reason where that fails."""
        size = sum(Path(arg).stat().st_size for arg in args[1:] if Path(arg).is_file())
        self._finish(*args, limit=self.command_timeout + size / self.slowest_rate)

    @Driver.check_active
    @step(args=["var"])
    def getvar(self, var: str) -> str:
        """The value of a bootloader variable. Raises FastbootError where it has none of that name,
        FastbootLinkError where it does not say.
        """
        return value_of(var, self._finish("getvar", var, limit=self.command_timeout))

    def _finish(self, *args: str, limit: float) -> str:
        """The output of a command that succeeds within *limit* seconds. Raises FastbootError."""
        try:
            code, output = self._run(*args, limit=limit)
        except TimeoutError:
            raise FastbootLinkError(
                f"fastboot {args[0]} did not end within {limit:.0f} s: "
                "power-cycle the board into fastboot and try again"
            ) from None
        if code:
            # "FAILED (remote: …)" is the bootloader's own word; anything else is trouble on the way to it.
            kind = FastbootError if "FAILED (remote" in output else FastbootLinkError
            raise kind(f"fastboot {' '.join(args[:2])}: {_reason(output)}")
        return output

    def _run(self, *args: str, limit: float) -> tuple[int, str]:
        """Exit code and output. Raises TimeoutError after *limit* seconds; leaves no process in any case."""
        command = [*self._get_fastboot_prefix(), *args]
        pipe = subprocess.PIPE
        expired = threading.Event()
        output = ""
        # Unbuffered, as the client writes: "Sending 'boot_a' (9000 KB)" comes well before its "OKAY".
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT
        ) as process:

            def expire() -> None:
                expired.set()
                process.kill()

            timer = threading.Timer(limit, expire)
            timer.daemon = True  # Ctrl-C may come before it can be cancelled
            try:
                timer.start()
                assert process.stdout
                descriptor = process.stdout.fileno()
                while True:
                    while self.meanwhile and not select.select([descriptor], [], [], _TICK_S)[0]:
                        self.meanwhile()
                    if not (piece := os.read(descriptor, 4096)):
                        break
                    started = output.rfind("\n") + 1  # of a line that was not complete
                    output += piece.decode(errors="replace")
                    if self.listener:
                        for line in output[started:].splitlines():
                            self.listener(line)
            except BaseException:
                process.kill()
                raise
            finally:
                timer.cancel()
                if self.log:
                    with self.log.open("a") as log:
                        log.write(f"$ fastboot {' '.join(args)}\n{output}")
        if expired.is_set():
            raise TimeoutError
        return process.returncode, output


def value_of(var: str, output: str) -> str:
    """The value of *var* in what ``fastboot getvar`` printed. Raises FastbootError where there is none."""
    # The client exits 0 for an unknown variable, so the output decides.
    value = re.search(rf"^(?:\(bootloader\) )?{re.escape(var)}: *(.*?)\r?$", output, re.MULTILINE)
    if value is None or "FAILED" in output:
        raise FastbootError(f"the bootloader has no {var}: {_reason(output)}")
    if not value[1].isprintable():
        raise FastbootError(f"the bootloader's {var} is no text: {value[1]!r}")
    return value[1]


def _reason(output: str) -> str:
    """The bootloader's FAIL message, or fastboot's last line."""
    remote = re.search(r"FAILED \((?:remote: )?'?(.*?)'?\)\s*$", output, re.MULTILINE)
    lines = output.strip().splitlines()
    return remote[1] if remote else lines[-1] if lines else "no output"
