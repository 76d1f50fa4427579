# SPDX-License-Identifier: MIT
"""``offload-lab flash``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.options import board_option
from lab.cli.screen import Screen

if TYPE_CHECKING:
    from lab.environment import Board
    from lab.flash import Plan, Progress
    from lab.images.deploy import Image
    from lab.strategy import OffloadStrategy

# lab.preflight.SLOTS, which --help is not to wait for.
_SLOTS = ("current", "a", "b", "both")


@click.command()
@board_option
@click.option("--dry-run", is_flag=True, help="Check the images, show the plan, change nothing.")
@click.option("--force", is_flag=True, help="Flash in spite of objections (kind, device tree, product).")
@click.option("--all", "everything", is_flag=True, help="Flash also what the board has already.")
@click.option(
    "--slot",
    type=click.Choice(_SLOTS),
    default="current",
    show_default=True,
    help="Slot to flash; a or b becomes the active one.",
)
@click.option(
    "--key",
    metavar="FILE",
    envvar="OFFLOAD_KEY",
    type=click.Path(path_type=Path),
    help="Private key that the image's SSH server takes; by default the id_ed25519 in DIR.",
)
@click.option("--no-verify", is_flag=True, help="Do not wait for the system and compare what it runs.")
@click.argument("sources", metavar="DIR|[PARTITION=]FILE...", nargs=-1, required=True)
def flash(
    board: str,
    dry_run: bool,
    force: bool,
    everything: bool,
    slot: str,
    key: Path | None,
    no_verify: bool,
    sources: Sequence[str],
) -> None:
    """Flash a board, boot it, and verify that it runs what was flashed.

    DIR is an image of this lab, a folder of a Yocto build (tmp/deploy/images/MACHINE, or the build folder
    itself), of which the newest boot image for the board and the newest root file system are taken. FILE is
    one image, whose content tells its partition.
    """
    from lab import runs
    from lab.environment import Board

    screen = Screen()
    known = Board.find(board)
    plan = _read(sources, None if force else known.compatible, key)
    if dry_run:
        _dry_run(screen, known, plan, slot)
        return
    with known.opened() as environment:
        target = environment.get_target()
        strategy = target.get_driver("OffloadStrategy", activate=False)
        strategy.plan, strategy.slot, strategy.overrule = plan, slot, force
        run_folder = runs.new_folder("flash")
        screen.say(f"logs: {run_folder}")
        with runs.logged(target, run_folder):
            try:
                if not everything:
                    _ask_what_is_there(screen, strategy, plan)
                writes = flash_and_boot(screen, strategy, plan)
                known.remember(plan)
            except KeyboardInterrupt:
                click.echo(strategy.state_of_board(), err=True)
                raise
            if not no_verify:
                _verify(screen, strategy, plan, writes)


def _read(sources: Sequence[str], compatible: str | None, key: Path | None) -> "Plan":
    from lab.flash import Plan

    if len(sources) == 1 and not Path(sources[0]).is_file() and "=" not in Path(sources[0]).name:
        return Plan.read(Path(sources[0]), compatible=compatible, key=key)
    return Plan.of_files(sources, key=key)


def _dry_run(screen: Screen, known: "Board", plan: "Plan", slot: str) -> None:
    """Show the plan; a board that waits in its bootloader is asked what it thinks of it."""
    from lab.preflight import without_board

    objections: Sequence[str] = plan.objections
    writes = without_board(plan)
    if known.virtual and known.running() is None:
        about = "no board was asked: it does not run"
    else:
        with known.opened() as environment:
            strategy = environment.get_target().get_driver("OffloadStrategy", activate=False)
            strategy.plan, strategy.slot = plan, slot
            if strategy.powered() and strategy.in_fastboot():
                preflight = strategy.prepare()
                writes, objections = preflight.writes, preflight.objections
                about = f"checked against {preflight.survey.product} {preflight.survey.serial}"
            else:
                about = "no board was asked: it is not in fastboot mode"
    for write in writes:
        screen.say(str(write))
    if objections:
        from lab.flash import FlashError

        raise FlashError(
            f"nothing was written (--dry-run), and --force would be needed: {'; '.join(objections)}"
        )
    screen.say(f"all checks passed; nothing was written (--dry-run); {about}")


def _ask_what_is_there(screen: Screen, strategy: "OffloadStrategy", plan: "Plan") -> None:
    """Let a running board say what it has, so that this need not be flashed again."""
    from lab.drivers.remote import RemoteError
    from lab.verify import installed

    if not strategy.powered() or strategy.in_fastboot() or not strategy.remote.reachable():
        return
    try:
        strategy.target.activate(strategy.remote)
        strategy.present = installed(strategy.remote, plan.images)
    except RemoteError as error:  # another image than the lab's: all is flashed
        screen.say(f"the board does not say what it has: {error}")


def flash_and_boot(screen: Screen, strategy: "OffloadStrategy", plan: "Plan"):  # type: ignore[no-untyped-def]
    """Take the board into fastboot, write what differs, and start the kernel; tell *screen* of each step.

    Returns the plan's writes.
    """
    screen.say("power-cycling into fastboot, VOL- held")
    strategy.transition("fastboot")
    preflight = strategy.prepare()
    for write in preflight.writes:
        screen.say(str(write))
    preflight.check(force=strategy.overrule)
    for objection in preflight.objections:
        screen.say(f"overruled: {objection}")
    total = sum(write.image.size for write in preflight.writes)
    with screen.task("flashing", total) as advance:
        strategy.progress = _progress(advance)
        strategy.transition("flashed")
    screen.say("booting")
    strategy.transition("booted")
    return preflight.writes


def _progress(advance) -> "Progress":  # type: ignore[no-untyped-def]
    """Adds up what is done of all writes, which come one after the other."""
    before = 0

    def progress(image: "Image", done: int, phase: str) -> None:
        nonlocal before
        advance(before + done)
        if phase in ("done", "present"):
            before += image.size

    return progress


def _verify(screen: Screen, strategy: "OffloadStrategy", plan: "Plan", writes) -> None:  # type: ignore[no-untyped-def]
    from lab.verify import check_all, stamp, verify

    screen.say("waiting for the system, to verify it (--no-verify does without)")
    strategy.transition("shell")
    checks = verify(strategy.remote, plan, writes)
    for check in checks:
        screen.say(f"{'right' if check.good else 'WRONG'}: {check.what}: {check.found}")
    check_all(checks)
    stamp(strategy.remote, plan)
