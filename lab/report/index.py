# SPDX-License-Identifier: MIT
"""One page over all runs: what passed, and what playing cost, from the newest run to the oldest."""

import json
from dataclasses import dataclass
from pathlib import Path

import jinja2

from lab import runs
from lab.results import ResultsError, tests_in, verdicts_in


@dataclass(frozen=True)
class Run:
    """A line of the page."""

    name: str
    good: int  #: files and tests
    bad: int
    skipped: int
    costs: dict[str, float]  #: CPU instructions per second of audio, by what was measured (make bench)
    report: bool  #: whether there is a report.html


def read(folder: Path) -> Run:
    """What a run's folder tells; one without results has none."""
    try:
        outcomes = [test.outcome for test in tests_in(folder)]
        outcomes += ["failed" if verdict.get("error") else "passed" for verdict in verdicts_in(folder)]
    except ResultsError:
        outcomes = []
    costs = {}
    try:
        figures = json.loads((folder / "bench.json").read_text())["instructions_per_second_of_audio"]
        costs = {name: float(figure["total"]) for name, figure in figures.items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return Run(
        folder.name,
        outcomes.count("passed"),
        outcomes.count("failed") + outcomes.count("error"),
        outcomes.count("skipped"),
        costs,
        (folder / "report.html").exists(),
    )


def write(root: Path) -> Path:
    """Write ``index.html`` into the folder of all runs, and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    found = [read(folder) for folder in reversed(runs.existing(root))]
    path = root / "index.html"
    path.write_text(environment.get_template("index.html.j2").render(runs=found), encoding="utf-8")
    return path
