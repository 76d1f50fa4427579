# SPDX-License-Identifier: MIT
"""``offload-lab demo``."""

from pathlib import Path

import click

from lab.cli.flash import flash_and_boot
from lab.cli.play import finish, play_all
from lab.cli.screen import Screen


@click.command()
@click.option(
    "--image", metavar="DIR", type=click.Path(path_type=Path), help="Deploy folder; by default one is built."
)
@click.option("--real-time", is_flag=True, help="Let time pass in the board as on the host.")
def demo(image: Path | None, real_time: bool) -> int:
    """Build, flash and boot a virtual board, play an MP3 and a FLAC, and show what the DSP rendered."""
    from lab import runs
    from lab.environment import Board
    from lab.flash import Plan
    from lab.playback import demomedia, session
    from lab.results import Results

    screen = Screen()
    run_folder = runs.new_folder("demo")
    if image is None:
        from lab.debian import build_image

        image = build_image(report=screen.say)
    screen.say(f"image: {image}")
    # A board of its own, so that the one of `board start` goes on undisturbed.
    board = Board.find("virtual", instance="demo")
    plan = Plan.read(image, compatible=board.compatible)
    with board.session(plan, real_time=real_time) as target:
        strategy = target.get_strategy()
        with runs.logged(target, run_folder):
            flash_and_boot(screen, strategy, plan)
            media = session.read_all(demomedia.make(run_folder / "media"))
            strategy.transition("shell")
            screen.say("the board is up")
            outcomes = play_all(screen, target, media, run_folder)
    return finish(screen, Results.now(board.name, plan.manifest, outcomes), run_folder, run_folder)
