# SPDX-License-Identifier: MIT
"""One playback as a picture: position, bytes in the ring and CPU use over the board's time, as inline SVG."""

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.playback.session import Outcome
from lab.report import svg

#: Percent; a logarithmic scale has no zero.
_LEAST_CPU = 0.01
_POSITION, _AHEAD, _RING, _PIPEWIRE, _PLAYER = "#2f7ed8", "#c2477f", "#e0861a", "#1a9e77", "#a05cc8"


def playback_svg(outcome: Outcome) -> str:
    """An ``<svg>`` element. Where the board gives no data for a curve, a note says so."""
    with svg.style():
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        position, ring, cpu = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1.2, 1.2))
        start = _start_s(outcome)
        _plot_position(outcome, start, position)
        _plot_ring(outcome, start, ring)
        _plot_cpu(outcome, start, cpu)
        position.set_ylabel("rendered (s)")
        ring.set_ylabel("in the ring (KiB)")
        # Starting the player costs a hundred times more than playing; both shall be seen.
        cpu.set_yscale("log")
        cpu.yaxis.set_major_formatter("{x:g}")
        cpu.set_ylabel("CPU (%)")
        cpu.set_xlabel("time on the board (s)")
        for axes in (position, ring, cpu):
            axes.margins(y=0.35)  # room for the legend
            if axes is not cpu:
                axes.set_ylim(bottom=0)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="upper right", ncols=2)
        return svg.inline(figure)


def _start_s(outcome: Outcome) -> float:
    """The board's time that is 0 in the picture: when the DSP began to run, else when the player started."""
    if outcome.record and (run := outcome.record.stream.get("run_us")) is not None:
        return float(run) / 1e6
    return outcome.playback.samples[0].uptime_s if outcome.playback and outcome.playback.samples else 0.0


def _events(outcome: Outcome, name: str) -> list[dict[str, Any]]:
    return [event for event in outcome.record.events if event["event"] == name] if outcome.record else []


def _plot_position(outcome: Outcome, start: float, axes: Axes) -> None:
    points = _events(outcome, "position")
    if not points:
        _note(axes, "the board does not show this")
        return
    times = [point["t_us"] / 1e6 - start for point in points]
    axes.plot(times, [point["frames"] / outcome.verdict.rate for point in points], color=_POSITION)
    length = outcome.verdict.length_s
    axes.axhline(length, color=svg.TEXT, linewidth=0.8, linestyle=":", label=f"the file: {length:.2f} s")


def _plot_ring(outcome: Outcome, start: float, axes: Axes) -> None:
    """What the player has read and the DSP not yet decoded: in PipeWire, in the ring, at the DSP."""
    points = _events(outcome, "position")
    samples = outcome.playback.samples if outcome.playback else []
    if not points:
        _note(axes, "the board does not show this")
        return
    at_dsp = [point["ring_bytes"] for point in points]
    times = [point["t_us"] / 1e6 for point in points]
    if samples:
        writes = _events(outcome, "write")
        arrived = np.cumsum([0, *(write["length"] for write in writes)])
        sample_times = [sample.uptime_s for sample in samples]
        received = arrived[np.searchsorted([write["t_us"] / 1e6 for write in writes], sample_times)]
        read = np.array([sample.position - outcome.offset for sample in samples])
        ahead = np.maximum(read - received, 0) / 1024
        axes.step(
            np.subtract(sample_times, start), ahead, where="post", color=_AHEAD, label="on the way to the DSP"
        )
    axes.fill_between(
        np.subtract(times, start),
        np.array(at_dsp) / 1024,
        color=_RING,
        linewidth=0,
        label="at the DSP, not yet decoded",
    )


def _plot_cpu(outcome: Outcome, start: float, axes: Axes) -> None:
    samples = outcome.playback.samples if outcome.playback else []
    pairs = [(one, two) for one, two in pairwise(samples) if two.uptime_s > one.uptime_s]
    if not pairs:
        _note(axes, "too short to sample")
        return
    times = [two.uptime_s - start for _, two in pairs]
    for column, name, colour in (("pipewire_ns", "PipeWire", _PIPEWIRE), ("player_ns", "player", _PLAYER)):
        spent = [getattr(two, column) - getattr(one, column) for one, two in pairs]
        share = [
            ns / (two.uptime_s - one.uptime_s) / 1e7 for ns, (one, two) in zip(spent, pairs, strict=True)
        ]
        share = [max(percent, _LEAST_CPU) for percent in share]
        axes.plot(times, share, color=colour, label=name, drawstyle="steps-pre")


def _note(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
