# SPDX-License-Identifier: MIT
"""Two runs, file by file and test by test: does a real board what the virtual one does?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.results import ResultsError, tests_in, verdicts_in

#: Fields of a verdict that two boards must agree on where both can tell, and by how much they may differ.
#: Times are not among those that must be equal: a DSP of silicon answers when it likes.
FIELDS: dict[str, float] = {
    "codec": 0,
    "rate": 0,
    "channels": 0,
    "bytes_sent": 0,
    "bytes_received": 0,
    "bytes_identical": 0,
    "frames_expected": 0,
    "frames_rendered": 0,
    "pcm_identical": 0,
    "pcm_max_diff": 0,
    "drained": 0,
    "underruns": 0,
    "duration_s": 0.5,  # seconds: the start of the player counts, and one board's CPU is slower
}


@dataclass(frozen=True)
class Difference:
    """One thing in which two runs differ; the values as text."""

    subject: str  #: a file, or a test
    what: str
    one: str
    two: str


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common, and in what they differ."""

    files: tuple[str, ...]  #: in both
    tests: tuple[str, ...]  #: in both
    only: tuple[str, ...]  #: files and tests of one run alone
    differences: tuple[Difference, ...]


def read(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Verdicts by file name and outcomes by test name. Raises ResultsError where there is neither."""
    verdicts = {Path(verdict["file"]).name: verdict for verdict in verdicts_in(folder)}
    tests = {test.name: test.outcome for test in tests_in(folder)}
    if not verdicts and not tests:
        raise ResultsError(f"{folder} is no run: it has neither play.json nor junit.xml")
    return verdicts, tests


def compare(one: Path, two: Path) -> Comparison:
    """Hold two runs' folders against each other. Raises ResultsError."""
    (verdicts_1, tests_1), (verdicts_2, tests_2) = read(one), read(two)
    files = sorted(verdicts_1.keys() & verdicts_2.keys())
    tests = sorted(tests_1.keys() & tests_2.keys())
    differences = [
        difference for name in files for difference in _verdicts(name, verdicts_1[name], verdicts_2[name])
    ]
    # A test that one board cannot do is skipped there by name: that is no difference in what it does.
    differences += [
        Difference(name, "outcome", tests_1[name], tests_2[name])
        for name in tests
        if tests_1[name] != tests_2[name] and "skipped" not in (tests_1[name], tests_2[name])
    ]
    only = sorted(verdicts_1.keys() ^ verdicts_2.keys()) + sorted(tests_1.keys() ^ tests_2.keys())
    return Comparison(tuple(files), tuple(tests), tuple(only), tuple(differences))


def _verdicts(name: str, one: dict[str, Any], two: dict[str, Any]) -> list[Difference]:
    found = []
    if bool(one.get("error")) != bool(two.get("error")):
        found.append(Difference(name, "error", one.get("error") or "none", two.get("error") or "none"))
    for field, tolerance in FIELDS.items():
        a, b = one.get(field), two.get(field)
        if a is None or b is None or a == b:  # None: the board cannot tell
            continue
        if tolerance and abs(a - b) <= tolerance:
            continue
        found.append(Difference(name, field, str(a), str(b)))
    return found
