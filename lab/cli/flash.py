# SPDX-License-Identifier: MIT
"""``offload-lab flash``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.options import board_option
from lab.cli.screen import Screen

if TYPE_CHECKING:
    from lab.flash import Plan, Progress
    from lab.images.deploy import Image


@click.command()
@board_option
@click.option("--dry-run", is_flag=True, help="Check the images, show the plan, touch no board.")
@click.option(
    "--key",
    metavar="FILE",
    envvar="OFFLOAD_KEY",
    type=click.Path(path_type=Path),
    help="Private key that the image's SSH server takes; by default the id_ed25519 in DIR.",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def flash(board: str, dry_run: bool, key: Path | None, folder: Path) -> None:
    """Flash the deploy folder DIR onto a board, and boot it.

    DIR is an image of this lab, or a folder tmp/deploy/images/MACHINE of a Yocto build, of which the newest
    boot image for the board and the newest root file system are taken.
    """
    from lab import runs
    from lab.environment import Board
    from lab.flash import Plan

    screen = Screen()
    known = Board.find(board)
    plan = Plan.read(folder, compatible=known.compatible, key=key)
    for image in plan.images:
        digest = plan.digests[image.partition]
        screen.say(f"{image.partition:8} {image.path.name}, {image.size:,} bytes, SHA-256 {digest}")
    if dry_run:
        screen.say("all checks passed; nothing was written (--dry-run)")
        return
    environment = known.load()
    try:
        target = environment.get_target()
        strategy = target.get_driver("OffloadStrategy", activate=False)
        strategy.plan = plan
        run_folder = runs.new_folder("flash")
        screen.say(f"logs: {run_folder}")
        with runs.logged(target, run_folder):
            flash_and_boot(screen, strategy, plan)
            known.remember(plan)
    finally:
        environment.cleanup()


def flash_and_boot(screen: Screen, strategy, plan: "Plan") -> None:  # type: ignore[no-untyped-def]
    """Take the board into fastboot, write what differs, and start the kernel; tell *screen* of each step."""
    screen.say("power-cycling into fastboot, VOL- held")
    strategy.transition("fastboot")
    with screen.task("flashing", plan.size) as advance:
        strategy.progress = _progress(plan, advance)
        strategy.transition("flashed")
    screen.say("booting")
    strategy.transition("booted")


def _progress(plan: "Plan", advance) -> "Progress":  # type: ignore[no-untyped-def]
    def progress(image: "Image", done: int, phase: str) -> None:
        before = sum(other.size for other in plan.images[: plan.images.index(image)])
        advance(before + done)

    return progress
