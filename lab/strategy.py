# SPDX-License-Identifier: MIT
"""Takes a board from power-off to a shell on the images that it shall run."""

import contextlib
import enum
import time

import attr
from labgrid.exceptions import NoResourceFoundError
from labgrid.factory import target_factory
from labgrid.step import step
from labgrid.strategy import Strategy, StrategyError
from labgrid.strategy.common import never_retry
from pexpect import TIMEOUT  # type: ignore[import-untyped]

from lab.drivers.remote import RemoteTimeoutError
from lab.errors import LabError
from lab.flash import Plan, Progress, flash
from lab.preflight import Preflight, Write, prepare

#                 hold VOL-, power on            flash what differs            continue         log in
#   unknown ─▶ off ──────────────────▶ fastboot ────────────────────▶ flashed ─────────▶ booted ───────▶ shell
#               │                                                                           ▲
#               └─────────── power on; only if the board has the plan's images ─────────────┘
#
#   Off is reached from everywhere, by cutting the power. A board with a shell counts as booted, too.


class Status(enum.Enum):
    """Where the board is; the numbers only order the states."""

    unknown = 0
    off = 1
    fastboot = 2  #: the bootloader answers
    flashed = 3  #: the bootloader still answers, and the partitions hold the plan's images
    booted = 4  #: the kernel has started
    shell = 5  #: the system is up; console and SSH take commands


class BoardError(LabError):
    """The board did not get where it should; the message says what to look at."""


@target_factory.reg_driver
@attr.s(eq=False)
class OffloadStrategy(Strategy):
    """Flashes a board and boots it. Set ``plan`` before asking for ``flashed``, or for more if it is empty.

    Args:
        boot_pattern (str): what the console shows once the kernel runs
        boot_timeout (float): seconds from power-on to ``boot_pattern``
        up_timeout (float): seconds until the system has started all its units, and is ready
        ready (str): command that succeeds once the hardware is there that tests need
        product (str): what the bootloader must call itself (getvar product); empty: no check
        compatible (str): what a boot image's device tree must name, separated by spaces, all of it and
            nothing else, so that no image for another board is flashed; empty: no check
        appear_timeout (float): seconds from power-on within which a bootloader on USB must show up
    """

    bindings = {  # noqa: RUF012  (labgrid's convention)
        "power": "PowerProtocol",
        "vol_down": "DigitalOutputProtocol",
        "fastboot": "AndroidFastbootDriver",
        "console": "ConsoleProtocol",
        "shell": "ShellDriver",
        "ssh": "SSHDriver",
        "remote": "RemoteDriver",
    }
    status: Status = attr.ib(default=Status.unknown)
    boot_pattern: str = attr.ib(
        default=r"Linux version|login:|[#$] $", validator=attr.validators.instance_of(str)
    )
    boot_timeout: float = attr.ib(default=60.0, converter=float)
    up_timeout: float = attr.ib(default=180.0, converter=float)
    ready: str = attr.ib(default="true", validator=attr.validators.instance_of(str))
    product: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    compatible: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    appear_timeout: float = attr.ib(default=30.0, converter=float)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        #: What the board shall run; None: whatever it has.
        self.plan: Plan | None = None
        #: Which slots are flashed: one of lab.preflight.SLOTS. Slot a or b becomes the active one.
        self.slot = "current"
        #: Whether to overrule the preflight's objections.
        self.overrule = False
        #: Told how far flashing is.
        self.progress: Progress | None = None
        #: SHA-256 of the image file that each partition (full name) is known to hold.
        self.present: dict[str, str] = {}
        #: The partition that is being written: incomplete, until this is None again.
        self.writing: str | None = None
        #: The partitions that were written, in order.
        self.written: list[str] = []
        self._satisfied: object = None  # the plan and slot that the board has as a whole

    @never_retry
    @step(args=["status"])
    def transition(self, status: Status | str, *, step: object) -> None:
        """Bring the board to *status*.

        Raises StrategyError, whose chain of causes says why; the strategy stays broken then.
        """
        if not isinstance(status, Status):
            status = Status[status]
        if status == self.status or (status == Status.booted and self.status == Status.shell):
            return
        match status:
            case Status.off:
                self._off()
            case Status.fastboot:
                self._fastboot()
            case Status.flashed:
                self._flash()
            case Status.booted:
                self._boot()
            case Status.shell:
                self._shell()
            case _:
                raise StrategyError(f"cannot go to {status}")
        self.status = status

    @never_retry
    @step(args=["status"])
    def force(self, status: Status | str, *, step: object) -> None:
        """Take the board to be in *status* already, and activate what that state has."""
        self.status = Status[status] if isinstance(status, str) else status
        self.target.activate(self.power)
        if self.status == Status.fastboot:
            self.target.activate(self.fastboot)
        elif self.status == Status.shell:
            self.target.activate(self.remote)

    def attach(self) -> None:
        """Make a board ready for commands that somebody else has started: boot it only if it does not run.

        Raises LabError or StrategyError where it cannot be reached.
        """
        self.target.activate(self.power)
        self.target.activate(self.console)
        if not self.powered():
            self.transition(Status.booted)
        elif self.in_fastboot():
            self.status = Status.fastboot
            self.transition(Status.booted)
        self._await_system()

    def powered(self) -> bool:
        """Whether the power is on; where nobody can tell, as with a switch for a human's hand, it is taken to
        be.
        """
        self.target.activate(self.power)
        get = getattr(self.power, "get", None)
        return bool(get()) if get else True

    def in_fastboot(self) -> bool:
        """Whether the bootloader answers now; on USB it may not even be there."""
        try:
            self.target.activate(self.fastboot)
        except NoResourceFoundError:
            return False
        return bool(self.fastboot.answers())

    def prepare(self) -> Preflight:
        """Hold the plan against the board, which must be in fastboot mode. Raises LabError."""
        assert self.plan is not None
        return prepare(
            self.fastboot,
            self.plan,
            slot=self.slot,
            product=self.product,
            compatible=self.compatible.split(),
            present=self.present,
        )

    def state_of_board(self) -> str:
        """What an interrupted flashing left behind, as a sentence."""
        whole = f"{' and '.join(self.written)} is written" if self.written else "no partition is written"
        if self.writing:
            return (
                f"{whole}, {self.writing} is incomplete: flash it again before the board boots from it; "
                "nothing else was touched"
            )
        if self.status in (Status.fastboot, Status.flashed) or self.written:
            return f"{whole}, none is incomplete; the board is in its bootloader or booting"
        return "nothing was written to the board"

    def _off(self) -> None:
        for driver in (self.remote, self.ssh, self.shell, self.fastboot):
            self.target.deactivate(driver)
        self.target.activate(self.power)
        self.power.off()
        self.target.activate(self.vol_down)
        self.vol_down.set(False)
        self.target.activate(self.console)
        self.drain_console()

    def _fastboot(self) -> None:
        self.transition(Status.off)
        self.vol_down.set(True)
        try:
            self.power.on()
            self._await_fastboot()
        finally:
            self.vol_down.set(False)

    def _await_fastboot(self) -> None:
        try:
            # On USB the bootloader is no device before it runs; on a network this returns at once.
            self.target.await_resources([self.fastboot.fastboot], timeout=self.appear_timeout)
            self.target.activate(self.fastboot)
        except NoResourceFoundError as error:
            raise BoardError(
                f"no bootloader appears on USB within {self.appear_timeout:.0f} s: hold VOL- and power-cycle "
                "the board, and look at its USB cable (its Type-C port)"
            ) from error
        self.fastboot.await_answer()

    def _flash(self) -> None:
        if self.plan is None:
            raise BoardError("there is nothing to flash: give a deploy folder")
        if self.status != Status.fastboot:
            self.transition(Status.fastboot)
        preflight = self.prepare()
        preflight.check(force=self.overrule)
        # Read along, or the console's log ends where the buffers on its way are full.
        self.fastboot.meanwhile = self.drain_console
        try:
            for write in preflight.writes:
                self._write(write)
        finally:
            self.fastboot.meanwhile = None
        if self.slot in ("a", "b") and preflight.survey.slot != self.slot:
            self.fastboot("set_active", self.slot)
        self._satisfied = self._wanted()

    def _write(self, write: Write) -> None:
        if not write.present:
            self.present.pop(write.partition, None)
            self.writing = write.partition
            flash(self.fastboot, write.image, write.partition, self.progress)
            self.writing = None
            self.written.append(write.partition)
            self.present[write.partition] = write.sha256
        elif self.progress:
            self.progress(write.image, write.image.size, "present")
        self.drain_console()

    def _boot(self) -> None:
        if self._wanted() != self._satisfied and self.status != Status.flashed:
            self.transition(Status.flashed)
        if self.status in (Status.fastboot, Status.flashed):
            self.target.activate(self.console)
            self.fastboot.continue_boot()
            self.target.deactivate(self.fastboot)
        else:
            self.transition(Status.off)
            self.power.on()
        self._await_kernel()

    def _await_kernel(self) -> None:
        deadline = time.monotonic() + self.boot_timeout
        while True:
            try:
                self.console.expect(self.boot_pattern, timeout=2)
                return
            except TIMEOUT:
                pass
            if self.in_fastboot():
                raise BoardError(
                    "the board stays in fastboot mode instead of booting: its console says why; flash it"
                )
            if time.monotonic() > deadline:
                raise BoardError(
                    f"the board shows no kernel within {self.boot_timeout:.0f} s of power-on: "
                    "look at its console's log"
                )

    def _shell(self) -> None:
        self.transition(Status.booted)
        # Waiting for the kernel has eaten the prompt; ShellDriver would wait for silence first.
        self.console.sendline("")
        try:
            self.target.activate(self.shell)
        except TIMEOUT:
            raise BoardError(
                f"no shell on the console within {self.shell.login_timeout} s: look at the console's log"
            ) from None
        self._await_system()

    def _await_system(self) -> None:
        """Connect and wait until all units have started, or have failed: that is for others to judge."""
        self.target.activate(self.remote)
        # One command: every question takes time from a board that is busy booting.
        wait = f"systemctl is-system-running --wait; until {self.ready}; do sleep 0.5; done"
        try:
            self.remote.run(wait, timeout=self.up_timeout)
        except RemoteTimeoutError as error:
            raise BoardError(
                f"the board is not ready within {self.up_timeout:.0f} s: {self.ready}"
            ) from error

    def _wanted(self) -> object:
        """What the plan asks for, to compare with what was done; None without a plan."""
        return (self.slot, self.plan.digests) if self.plan else None

    def drain_console(self) -> None:
        """Read what the console has to say, for its log, and so that nobody mistakes it for news."""
        self.target.activate(self.console)
        with contextlib.suppress(TIMEOUT):
            while self.console.read(size=1, timeout=0.05, max_size=65536):
                pass
