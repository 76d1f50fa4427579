# SPDX-License-Identifier: MIT
"""What the folder of a run tells at a glance."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.results import ResultsError, tests_in, verdicts_in


@dataclass(frozen=True)
class Run:
    """A line of the page."""

    name: str
    good: int  #: files and tests
    bad: int
    skipped: int
    costs: dict[str, float]  #: CPU instructions per second of audio, by what was measured (make bench)
    wakeups: dict[str, float]  #: of PipeWire, WirePlumber and player, per second
    report: bool  #: whether there is a report.html


def read(folder: Path) -> Run:
    """What a run's folder tells; one without results has none."""
    try:
        outcomes = [test.outcome for test in tests_in(folder)]
        outcomes += ["failed" if verdict.get("error") else "passed" for verdict in verdicts_in(folder)]
    except ResultsError:
        outcomes = []
    costs, wakeups = {}, {}
    try:
        figures = json.loads((folder / "bench.json").read_text())
        instructions = figures["instructions_per_second_of_audio"]
        costs = {name: float(figure["total"]) for name, figure in instructions.items()}
        wakeups = {name: float(figure) for name, figure in figures["wakeups_per_second"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return Run(
        folder.name,
        outcomes.count("passed"),
        outcomes.count("failed") + outcomes.count("error"),
        outcomes.count("skipped"),
        costs,
        wakeups,
        (folder / "report.html").exists(),
    )
