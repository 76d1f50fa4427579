# SPDX-License-Identifier: MIT
"""A playback as it goes on, on a terminal: position, ring, CPU, and what the kernel says."""

import json
from collections import deque
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from lab.playback.media import Media
from lab.playback.player import Playback

#: Kernel messages shown.
MESSAGES = 6


class PlayView:
    """Takes in what comes from the board, and draws it whenever it is asked to."""

    def __init__(self, file: Media) -> None:
        self.playback = Playback()
        self._file = file
        self._copied = 0.0
        self._stream: dict[str, Any] | None = None
        self._messages: deque[str] = deque(maxlen=MESSAGES)

    def copied(self, done: int, total: int) -> None:
        """So many bytes of the file are on the board."""
        self._copied = done / total if total else 1.0

    def read_line(self, line: str) -> None:
        """Take in a line of the player's script."""
        kind, _, rest = line.partition(" ")
        if kind == "kernel":
            self._messages.append(rest)
        elif kind == "dsp":
            try:
                streams = [one for one in json.loads(rest)["streams"] if one["codec"] != "pcm"]
            except (ValueError, KeyError, TypeError):
                return  # the DSP restarts
            self._stream = streams[0] if streams else self._stream
        else:
            self.playback.read_line(line)

    @property
    def position_s(self) -> float:
        """What was rendered; on a board whose DSP does not tell, the time since the player began."""
        if self._stream and self._stream["rate"]:
            return float(self._stream["frames_rendered"] / self._stream["rate"])
        samples = self.playback.samples
        return samples[-1].uptime_s - samples[0].uptime_s if samples else 0.0

    def __rich__(self) -> RenderableType:
        file, samples = self._file, self.playback.samples
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim")
        title = f"[bold]{escape(file.path.name)}[/bold]  {file.codec.upper()}, {file.rate} Hz"
        if not samples:
            rows.add_row("copying to the board", f"{self._copied:.0%}")
            return Group(title, rows)
        done = min(self.position_s, file.duration_s)
        rows.add_row("", ProgressBar(total=file.duration_s, completed=done, width=50))
        rows.add_row(
            "rendered" if self._stream else "playing for",
            f"{_clock(self.position_s)} of {_clock(file.duration_s)}",
        )
        if self._stream:
            ring = self._stream["bytes_received"] - self._stream["bytes_decoded"]
            rows.add_row("at the DSP, not decoded", f"{ring / 1024:,.0f} KiB")
        rows.add_row("read of the file", f"{samples[-1].position / 1024:,.0f} KiB")
        if len(samples) > 1:
            one, two = samples[-2:]
            span = max(two.uptime_s - one.uptime_s, 0.01)
            pipewire = (two.pipewire_ns - one.pipewire_ns) / span / 1e7
            player = (two.player_ns - one.player_ns) / span / 1e7
            rows.add_row("CPU", f"PipeWire {pipewire:.2f} %, player {player:.2f} %")
            rows.add_row("wake-ups", f"{(two.wakeups - one.wakeups) / span:.1f} a second")
        if not self._messages:
            return Group(title, rows)
        return Group(title, rows, "[dim]the kernel says[/dim]", *map(escape, self._messages))


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
