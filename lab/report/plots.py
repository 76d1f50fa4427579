# SPDX-License-Identifier: MIT
"""One playback as a picture: position, bytes in the ring and CPU use over the board's time, as inline SVG."""

import io
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from lab.playback.session import Outcome

#: Stands for the text colour of the page, which follows the reader's light or dark theme.
_TEXT = "#010203"
_POSITION, _RING, _PIPEWIRE, _PLAYER = "#2f7ed8", "#e0861a", "#1a9e77", "#a05cc8"


def playback_svg(outcome: Outcome) -> str:
    """An ``<svg>`` element. Where the board gives no data for a curve, a note says so."""
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "font.size": 9,
        "font.family": "sans-serif",
        "svg.hashsalt": "offload-lab",
    }
    colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color")
    with mpl.rc_context(style | dict.fromkeys(colours, _TEXT) | {"grid.alpha": 0.15}):
        figure = Figure(figsize=(9, 5.2), layout="constrained")
        position, ring, cpu = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
        start = _start_s(outcome)
        _plot_record(outcome, start, position, ring)
        _plot_cpu(outcome, start, cpu)
        position.set_ylabel("rendered (s)")
        ring.set_ylabel("in the ring (KiB)")
        cpu.set_ylabel("CPU (%)")
        cpu.set_xlabel("time on the board (s)")
        for axes in (position, ring, cpu):
            axes.grid(True)
            axes.patch.set_alpha(0)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_ylim(bottom=0)
        figure.patch.set_alpha(0)
        output = io.StringIO()
        figure.savefig(output, format="svg", metadata={"Date": None})
    svg = output.getvalue()
    return svg[svg.index("<svg") :].replace(_TEXT, "currentColor")


def _start_s(outcome: Outcome) -> float:
    """The board's time that is 0 in the picture: when the DSP began to run, else when the player started."""
    if outcome.record and (run := outcome.record.stream.get("run_us")) is not None:
        return float(run) / 1e6
    return outcome.playback.samples[0][0] if outcome.playback and outcome.playback.samples else 0.0


def _plot_record(outcome: Outcome, start: float, position, ring) -> None:  # type: ignore[no-untyped-def]
    record = outcome.record
    points = [event for event in record.events if event["event"] == "position"] if record else []
    if not points:
        for axes in (position, ring):
            _note(axes, "the board does not show this")
        return
    times = [point["t_us"] / 1e6 - start for point in points]
    position.plot(times, [point["frames"] / outcome.media.rate for point in points], color=_POSITION)
    length = len(outcome.media.pcm) / outcome.media.rate
    position.axhline(length, color=_TEXT, linewidth=0.8, linestyle=":", label=f"the file: {length:.2f} s")
    position.legend(loc="upper left", frameon=False)
    ring.fill_between(
        times, [point["ring_bytes"] / 1024 for point in points], color=_RING, alpha=0.6, linewidth=0
    )


def _plot_cpu(outcome: Outcome, start: float, axes) -> None:  # type: ignore[no-untyped-def]
    samples = outcome.playback.samples if outcome.playback else []
    if len(samples) < 2:
        _note(axes, "too short to sample")
        return
    pairs = [(one, two) for one, two in pairwise(samples) if two[0] > one[0]]
    times = [two[0] - start for _, two in pairs]
    for column, name, colour in ((1, "PipeWire", _PIPEWIRE), (2, "player", _PLAYER)):
        share = [(two[column] - one[column]) / (two[0] - one[0]) / 1e7 for one, two in pairs]
        axes.plot(times, share, color=colour, label=name, drawstyle="steps-pre")
    axes.legend(loc="upper right", frameon=False)


def _note(axes, text: str) -> None:  # type: ignore[no-untyped-def]
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
