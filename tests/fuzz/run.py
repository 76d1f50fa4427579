# SPDX-License-Identifier: MIT
"""``make fuzz``: all targets, Hypothesis for Python and libFuzzer for C, with a table of what was found."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.table import Table

from lab import runs
from lab.cli.screen import Screen
from lab.debian import build_image
from lab.paths import ROOT
from tests.fuzz import board, native
from tests.fuzz.target import CASES
from tests.fuzz.targets import TARGETS

#: Seconds without progress after which a target hangs.
_PATIENCE = 180


@dataclass(frozen=True)
class Job:
    """A target as a process that tells of its progress."""

    name: str
    engine: str
    command: Sequence[str | Path]
    progress: re.Pattern[str]  #: of a line; the first group is the number of cases done
    crashes: Callable[[], list[Path]]  #: the cases that ended it, if it failed
    patience: float = _PATIENCE


@dataclass
class Result:
    """What became of a target."""

    target: str
    engine: str
    seed: int
    cases: int = 0
    seconds: float = 0
    crash: str | None = None  #: why it failed; None: it did not
    kept: str | None = None  #: the file with the case
    note: str | None = None  #: why there are fewer cases than asked


def _python(name: str, cases: int, seed: int, folder: Path) -> Job:
    file = folder / f"{name}.case"
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "tests.fuzz.child",
        name,
        str(cases),
        str(seed),
        file,
    ]
    return Job(name, "Hypothesis", command, re.compile(r"^(\d+)$"), lambda: [file])


def _native(name: str, cases: int, seed: int, folder: Path) -> Job:
    crashes = folder / f"{name}-"
    command = native.command(name, cases, seed, crashes)
    return Job(
        name,
        "libFuzzer",
        command,
        re.compile(r"^#(\d+)\s"),
        lambda: sorted(folder.glob(f"{name}-*")),
    )


def _board(name: str, cases: int, seed: int, folder: Path) -> Job:
    progress = re.compile(r"^(\d+) packets")
    return Job(name, "DSP model", board.command(cases, seed), progress, list, board.PATIENCE)


def _job(name: str) -> Callable[[str, int, int, Path], Job]:
    if name in board.TARGETS:
        return _board
    return _python if name in TARGETS else _native


def _lines(process: subprocess.Popen[bytes], end: float, patience: float) -> Iterator[str]:
    """What *process* prints, until it ends; TimeoutError at *end* or where it is silent for too long."""
    assert process.stdout
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, min(patience, end - time.monotonic()))):
                raise TimeoutError
            piece = os.read(process.stdout.fileno(), 1 << 16)
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if not piece:
                return


def run(job: Job, result: Result, folder: Path, limit: float, advance: Callable[[float], None]) -> None:
    """Run *job* for at most *limit* seconds and fill *result* in."""
    started = time.monotonic()
    log = folder / f"{job.name}.log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            job.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **native.ENVIRONMENT},
        ) as process,
    ):
        try:
            for line in _lines(process, started + limit, job.patience):
                out.write(line + "\n")
                if found := job.progress.match(line):
                    result.cases = int(found[1])
                    advance(result.cases)
            out.flush()
            if process.wait():
                result.crash = _reason(log)
        except TimeoutError:
            if time.monotonic() - started < limit:
                result.crash = f"no progress for {job.patience:.0f} s"
            else:
                result.note = "time limit"
        finally:
            process.send_signal(signal.SIGINT)  # so that a board is stopped, too
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
    result.seconds = round(time.monotonic() - started, 1)
    cases = [path for path in job.crashes() if path.is_file()]
    if result.crash and cases:
        digest = hashlib.sha256(cases[0].read_bytes()).hexdigest()
        kept = folder / f"{job.name}.{digest[:12]}"
        shutil.copyfile(cases[0], kept)
        result.kept = str(kept)
    for path in cases:
        path.unlink(missing_ok=True)


def _reason(log: Path) -> str:
    """The line of a log that says most."""
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    for pattern in (
        r"SUMMARY: .*",
        r"runtime error: .*",
        r"Fatal Python error: .*",
        r"^[\w.]*(?:Error|Exception).*",
    ):
        if found := [line for line in lines if re.search(pattern, line)]:
            return found[-1][:300]
    return lines[-1][:300] if lines else "it ended without a word"


def _table(results: Sequence[Result]) -> Table:
    table = Table("target", "engine", "cases", "seconds", "result")
    for result in results:
        how = result.crash or ("nothing found" if result.cases else "not run")
        how += f" ({result.note})" if result.note else ""
        table.add_row(result.target, result.engine, f"{result.cases:,}", f"{result.seconds:.0f}", how)
    return table


@click.command()
@click.option("--cases", default=100_000, show_default=True, help="Cases per target.")
@click.option("--seconds", default=float("inf"), help="Time limit per target.")
@click.option("--seed", type=int, help="For the same cases again; by default a new one, which is printed.")
@click.argument("names", metavar="[TARGET]...", nargs=-1)
def main(cases: int, seconds: float, seed: int | None, names: Sequence[str]) -> None:
    """Fuzz TARGETs, by default all of them."""
    screen = Screen()
    folder = runs.new_folder("fuzz")
    seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
    screen.say(f"seed {seed}; logs: {folder}")
    missing = native.missing()
    known = [*TARGETS, *native.TARGETS, *board.TARGETS]
    if unknown := sorted(set(names) - set(known)):
        raise click.UsageError(f"no target {', '.join(unknown)}; there are {', '.join(known)}")
    results = []
    for name in names or known:
        result = Result(name, "", seed)
        results.append(result)
        if name in native.TARGETS and missing:
            result.note = missing
            screen.say(f"{name}: {result.note}")
            continue
        if name in board.TARGETS:
            build_image(report=screen.say)
        job = _job(name)(name, cases, seed, folder)
        result.engine = job.engine
        with screen.task(name, cases) as advance:
            run(job, result, folder, seconds, advance)
        (folder / "fuzz.json").write_text(json.dumps([asdict(one) for one in results], indent=1))
        if result.crash:
            screen.say(f"{name}: {result.crash}")
    screen.console.print(_table(results))
    if crashed := [result for result in results if result.crash]:
        for result in filter(lambda result: result.kept, crashed):
            where = CASES.relative_to(ROOT) / result.target
            screen.say(f"{result.target}: when it is mended, keep the case: cp {result.kept} {where}/")
        sys.exit(1)


if __name__ == "__main__":
    main()
