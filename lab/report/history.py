# SPDX-License-Identifier: MIT
"""How the runs went over time, as a picture: CPU cost, wake-ups, passed and failed."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.report import svg
from lab.report.run import Run

_PASSED, _FAILED = "#1a9e77", "#d6453d"


def history_svg(runs: Sequence[Run]) -> str:
    """An ``<svg>`` element of *runs*, oldest first; empty where no run has any result."""
    runs = [run for run in runs if run.good or run.bad or run.costs]
    if not runs:
        return ""
    with svg.style():
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        costs, wakeups, results = figure.subplots(3, 1, sharex=True)
        _lines(costs, [run.costs for run in runs], scale=1e6)
        costs.set_ylabel("million instructions\nper s of audio")
        costs.set_yscale("log")
        costs.yaxis.set_major_formatter("{x:g}")
        _lines(wakeups, [run.wakeups for run in runs])
        wakeups.set_ylabel("wake-ups\nper second")
        numbers = range(len(runs))
        results.bar(numbers, [run.good for run in runs], color=_PASSED, label="passed")
        bottom = [run.good for run in runs]
        results.bar(numbers, [run.bad for run in runs], bottom=bottom, color=_FAILED, label="failed")
        results.set_ylabel("files and tests")
        results.legend(loc="upper left", ncols=2)
        results.set_xticks(numbers, [run.name.partition("-")[0] for run in runs], rotation=60)
        results.locator_params(axis="x", nbins=20)
        for axes in (costs, wakeups, results):
            axes.margins(y=0.35)  # room for the legend
        return svg.inline(figure)


def _lines(axes: Axes, figures: Sequence[dict[str, float]], scale: float = 1) -> None:
    """A line for each name over the runs that have it."""
    for name in dict.fromkeys(name for figure in figures for name in figure):
        points = [(number, figure[name] / scale) for number, figure in enumerate(figures) if name in figure]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
    if figures and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", ncols=3)
