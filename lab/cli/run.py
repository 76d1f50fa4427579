# SPDX-License-Identifier: MIT
"""Runs a subcommand and turns every way in which it can end into one sentence and an exit code."""

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from lab.cli.board import board
from lab.cli.compare import compare
from lab.cli.copy import get, put
from lab.cli.demo import demo
from lab.cli.flash import flash
from lab.cli.index import index
from lab.cli.play import play
from lab.cli.recover import recover
from lab.cli.report import report
from lab.errors import LabError, printable

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Flash, boot and play: ALSA compressed offload on the Dragonboard 845c, real or virtual.

    Exit codes: 0 good, 1 failed, 2 user error, 130 interrupted.
    """


for command in (board, flash, play, put, get, demo, report, compare, index, recover):
    cli.add_command(command)


def run(arguments: list[str]) -> int:
    """Run ``offload-lab ARGUMENTS``; return its exit code."""
    try:
        with interruptible():
            # Without standalone mode click returns a code only for ctx.exit(), e.g. of --help.
            code = cli.main(arguments, prog_name="offload-lab", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        sentence, code = known
        click.echo(f"error: {printable(sentence)}", err=True)
        return code


def explain(error: BaseException) -> tuple[str, int] | None:
    """The sentence and the exit code for *error*; None for a bug, which deserves its traceback.

    labgrid wraps what breaks a strategy, so the chain of causes is searched.
    """
    # Imported late: the packages behind these are large, and --help is not to wait for them.
    from labgrid.strategy import StrategyError
    from serial import SerialException

    from lab.debian.buildroot import BuildError
    from lab.images import ImageError
    from lab.virtual.client import StateError

    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    for cause in chain:
        if isinstance(cause, LabError):
            return str(cause), cause.exit_code
    for cause in chain:
        match cause:
            case StateError() | ImageError() | BuildError():
                return str(cause), 1
            case OSError() if cause.errno in (errno.ENOSPC, errno.EDQUOT):
                file = cause.filename2 or cause.filename
                where = f" ({file})" if file else ""
                return f"the disk is full{where}: make room, then run the same command again", 1
    for cause in reversed(chain):
        match cause:
            case PermissionError() if cause.filename:
                return (
                    f"no permission for {cause.filename}: where it is another user's, "
                    "set OFFLOAD_BUILD to a folder of your own",
                    1,
                )
            case SerialException():
                where = "see whether the board still runs: offload-lab board status"
                return f"the board's serial console broke off ({cause}); {where}", 1
            case OSError():
                reason = cause.strerror or str(cause) or type(cause).__name__
                return f"{reason}: {cause.filename}" if cause.filename else reason, 1
            case StrategyError():
                return cause.msg, 1
    return None


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block SIGTERM and SIGHUP act as Ctrl-C does; a second one does not disturb the cleaning up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
