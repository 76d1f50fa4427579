# SPDX-License-Identifier: MIT
"""One folder per run of a command: its logs, records and report, and ``latest`` beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from labgrid import Target
from labgrid.binding import BindingState
from labgrid.consoleloggingreporter import ConsoleLoggingReporter

from lab.drivers.fastboot import LimitedFastbootDriver
from lab.paths import RUNS


def new_folder(command: str) -> Path:
    """Make ``build/runs/TIME-COMMAND`` and point ``build/runs/latest`` to it."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for name in (f"{stamp}-{command}", *(f"{stamp}-{command}-{number}" for number in range(2, 100))):
        folder = RUNS / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        new = RUNS / f".latest-{name}"
        new.symlink_to(name)
        new.replace(RUNS / "latest")
        return folder
    raise FileExistsError(f"too many runs in {RUNS} within one second")


@contextmanager
def logged(target: Target, folder: Path) -> Iterator[None]:
    """Keep the console (``console_main``) and all that fastboot says (``fastboot.log``) in *folder*."""
    strategy = target.get_strategy()
    ConsoleLoggingReporter.start(str(folder))
    fastboot = target.get_driver("AndroidFastbootDriver", activate=False)
    if isinstance(fastboot, LimitedFastbootDriver):
        fastboot.log = folder / "fastboot.log"
    try:
        yield
    finally:
        try:
            # labgrid logs what is read, and nobody reads while a command runs over SSH.
            if strategy.console.state == BindingState.active:
                strategy.drain_console()
        finally:
            ConsoleLoggingReporter.stop()
