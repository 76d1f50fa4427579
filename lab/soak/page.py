# SPDX-License-Identifier: MIT
"""soak.html: what happened, what was wrong, and memory, descriptors and the clock's error over the hours."""

from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from lab.report import svg
from lab.soak.health import DAEMONS

_COLOURS = dict(zip(DAEMONS, ("#1a9e77", "#a05cc8"), strict=True))


def write(path: Path, soak: dict[str, Any]) -> None:
    """Write the page about *soak*, which is what soak.json has."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.soak", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template("soak.html.j2").render(soak=soak, plot=_plot(soak))
    path.write_text(page, encoding="utf-8")


def _plot(soak: dict[str, Any]) -> str:
    """An ``<svg>`` element; empty where there is nothing to show."""
    samples = soak["samples"]
    if len(samples) < 2:
        return ""
    hours = [sample["at_s"] / 3600 for sample in samples]
    with svg.style():
        figure = Figure(figsize=(9, 6), layout="constrained")
        memory, files, clock = figure.subplots(3, 1, sharex=True)
        for name, colour in _COLOURS.items():
            daemons = [sample["daemons"][name] for sample in samples]
            memory.plot(hours, [rss / 1024 for _, rss, _ in daemons], color=colour, label=name)
            files.plot(hours, [fds for *_, fds in daemons], color=colour, label=name)
        clock.plot(
            [at / 3600 for at, _ in soak["clock"]], [error for _, error in soak["clock"]], ".",
            color="#2f7ed8",
        )  # fmt: skip
        memory.set_ylabel("memory (MiB)")
        files.set_ylabel("open files")
        clock.set_ylabel("clock error (ms)")
        clock.set_xlabel("the board's time (h)")
        memory.legend(loc="upper right", ncols=2)
        for axes in (memory, files, clock):
            axes.margins(y=0.35)  # room for the legend
            axes.set_ylim(bottom=0)
        return svg.inline(figure)
