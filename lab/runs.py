# SPDX-License-Identifier: MIT
"""One folder per run of a command: its logs, records and report, and ``latest`` beside them."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from labgrid import Target
from labgrid.binding import BindingState
from labgrid.consoleloggingreporter import ConsoleLoggingReporter
from labgrid.step import StepEvent, steps

from lab import postmortem
from lab.drivers.fastboot import LimitedFastbootDriver
from lab.errors import UserError
from lab.paths import RUNS

_NAME = re.compile(r"\d{8}-\d{6}-\w+")


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
        prune(RUNS, kept())
        return folder
    raise FileExistsError(f"too many runs in {RUNS} within one second")


def existing(root: Path) -> list[Path]:
    """The folders of all runs in *root*, oldest first."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if _NAME.match(path.name) and not path.is_symlink())


def kept() -> int:
    """How many runs are kept: OFFLOAD_RUNS, or 50. Raises UserError where that is no number."""
    text = os.environ.get("OFFLOAD_RUNS", "50")
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"OFFLOAD_RUNS={text}: it is the number of runs to keep, 1 at least")
    return int(text)


def prune(root: Path, keep: int) -> None:
    """Remove the oldest runs beyond *keep*; one that cannot be removed stays."""
    for folder in existing(root)[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)


class StepLog:
    """A line for each step of a driver when it ends: when, for how long, and how."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def notify(self, event: StepEvent) -> None:
        """Take in an event of labgrid's. What the console says has a log of its own."""
        step = event.step
        if event.data.get("state") != "stop" or step.tag == "console":
            return
        arguments = " ".join(f"{name}={value!s:.200}" for name, value in (step.args or {}).items())
        how = f"failed: {step.exception}" if step.exception else "done"
        words = [
            f"{datetime.now():%H:%M:%S.%f}"[:-3],
            f"{'  ' * (step.level - 1)}{type(step.source).__name__}.{step.title}",
            *([arguments] if arguments else []),
            f"{how} in {step.duration:.3f} s",
        ]
        with self._path.open("a") as log:
            log.write(" ".join(words).replace("\n", " ") + "\n")


@contextmanager
def logged(target: Target, folder: Path) -> Iterator[None]:
    """Keep in *folder* the console (console_main), what fastboot says (fastboot.log), the drivers' steps
    (steps.log), and at the end the journal, the DSP's log and more (board/).
    """
    strategy = target.get_strategy()
    log = StepLog(folder / "steps.log")
    steps.subscribe(log.notify)
    ConsoleLoggingReporter.start(str(folder))
    fastboot = target.get_driver("AndroidFastbootDriver", activate=False)
    if isinstance(fastboot, LimitedFastbootDriver):
        fastboot.log = folder / "fastboot.log"
    try:
        yield
    finally:
        try:
            if strategy.remote.state == BindingState.active:
                postmortem.save(target, folder / "board")
            # labgrid logs what is read, and nobody reads while a command runs over SSH.
            if strategy.console.state == BindingState.active:
                strategy.drain_console()
        finally:
            ConsoleLoggingReporter.stop()
            steps.unsubscribe(log.notify)
