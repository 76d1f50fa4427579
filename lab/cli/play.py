# SPDX-License-Identifier: MIT
"""``offload-lab play``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from lab.cli.options import board_option
from lab.cli.screen import Screen

if TYPE_CHECKING:
    from labgrid import Target

    from lab.playback.media import Media
    from lab.playback.session import Outcome
    from lab.results import Results


@click.command()
@board_option
@click.option(
    "--json",
    "json_path",
    metavar="OUT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the verdicts there.",
)
@click.option(
    "--report",
    "report_folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write report.html there.",
)
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
def play(board: str, json_path: Path | None, report_folder: Path | None, files: Sequence[Path]) -> int:
    """Play encoded files on a running board, and judge what its DSP received and rendered.

    Exit code 1 means that a file did not arrive, or did not sound, as it should.
    """
    from lab import runs
    from lab.environment import Board
    from lab.playback import session
    from lab.results import Results, save_verdicts

    screen = Screen()
    known = Board.find(board)
    media = session.read_all(files)
    with known.opened() as environment:
        target = environment.get_target()
        run_folder = runs.new_folder("play")
        with runs.logged(target, run_folder):
            target.get_driver("OffloadStrategy", activate=False).attach()
            outcomes = play_all(screen, target, media, run_folder)
    results = Results.now(known.name, known.manifest, outcomes)
    if json_path:
        save_verdicts(outcomes, json_path)
    return finish(screen, results, run_folder, report_folder or run_folder)


def play_all(screen: Screen, target: "Target", media: Sequence["Media"], run_folder: Path) -> list["Outcome"]:
    """Play one file after the other; the DSP's records go below *run_folder*. Raises CodecError."""
    from lab.playback import session

    session.check_codecs(media, target.get_driver("PlayerDriver").codecs())
    return [_play_one(screen, target, file, run_folder / "records") for file in media]


def _play_one(screen: Screen, target: "Target", file: "Media", records: Path) -> "Outcome":
    """On a terminal it can be watched; elsewhere lines tell how far it is."""
    from lab.cli.live import PlayView
    from lab.playback import session

    view = PlayView(file)
    title = f"playing {escape(file.path.name)} ({file.duration_s:.1f} s of {file.codec.upper()})"
    if screen.console.is_terminal:
        with screen.live(title, view):
            return session.play(
                target, file, records, follow=True, copied=view.copied, on_line=view.read_line
            )
    with screen.task(title, file.duration_s) as advance:

        def line(text: str) -> None:
            view.read_line(text)
            advance(view.position_s)

        return session.play(target, file, records, on_line=line)


def finish(screen: Screen, results: "Results", run_folder: Path, report_folder: Path) -> int:
    """Keep the results in *run_folder*, write report.html into *report_folder*, show both; the exit code."""
    from lab import report

    results.save(run_folder)
    path = report_folder / "report.html"
    report.write(path, results)
    show(screen, results.outcomes)
    screen.say(f"report: {path}")
    return 0 if results.good else 1


def show(screen: Screen, outcomes: Sequence["Outcome"]) -> None:
    """The verdicts as a table on the terminal."""
    table = Table(box=None, pad_edge=False)
    for title in ("file", "codec"):
        table.add_column(title)
    for title in ("bytes at the DSP", "frames rendered", "max diff", "played"):
        table.add_column(title, justify="right")
    table.add_column("verdict")
    for outcome in outcomes:
        v = outcome.verdict
        table.add_row(
            escape(v.name),
            f"{v.codec} {v.rate}/{v.channels}",
            _share(v.bytes_received, v.bytes_sent, v.bytes_identical),
            _share(v.frames_rendered, v.frames_expected, v.frames_rendered == v.frames_expected),
            "-" if v.pcm_max_diff is None else f"{v.pcm_max_diff:g}",
            "-" if v.duration_s is None else f"{v.duration_s:.2f} s",
            "[green]good[/green]" if v.good else "[red]failed[/red]",
        )
    screen.console.print(table)
    for outcome in outcomes:
        if outcome.verdict.error:
            screen.console.print(
                f"[red]{escape(outcome.verdict.name)}[/red]: {escape(outcome.verdict.error)}", soft_wrap=True
            )


def _share(found: int | None, wanted: int, right: bool | None) -> str:
    """What arrived of what was sent; a dash where the board cannot tell."""
    if found is None:
        return "-"
    return f"{found:,} [green]✓[/green]" if right else f"[red]{found:,}[/red] of {wanted:,}"
