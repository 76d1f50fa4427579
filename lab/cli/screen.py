# SPDX-License-Identifier: MIT
"""What the user sees while something takes its time: bars on a terminal, plain lines elsewhere (in CI)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lab.errors import printable

#: Called with how much is done, out of the total of the task.
Advance = Callable[[float], None]

#: Plain lines tell of every such share of a task.
_STEP = 0.25


class Screen:
    """Writes to standard output."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """One line, with the seconds since the command began."""
        passed = f"[dim]{time.monotonic() - self._started:6.1f} s[/dim]"
        self.console.print(f"{passed}  {escape(printable(text))}", soft_wrap=True)

    @contextmanager
    def live(self, title: str, view: RenderableType) -> Iterator[None]:
        """Draw *view* again and again while the block runs. Only on a terminal."""
        with Live(view, console=self.console, transient=True):
            yield
        self.say(title)

    @contextmanager
    def task(self, title: str, total: float) -> Iterator[Advance]:
        """Show *title* while the block runs, and how far it is of *total*."""
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
            )
            with Progress(*columns, console=self.console, transient=True) as bars:
                task = bars.add_task(title, total=total)
                yield lambda done: bars.update(task, completed=min(done, total))
            self.say(title)
            return
        reported = 0.0

        def advance(done: float) -> None:
            nonlocal reported
            share = min(done / total, 1.0) if total else 1.0
            if share - reported >= _STEP:
                reported = share
                self.say(f"{title}: {share:.0%}")

        self.say(title)
        yield advance
