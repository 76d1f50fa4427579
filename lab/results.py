# SPDX-License-Identifier: MIT
"""What a run found, as files in its folder: run.json, play.json (verdicts), junit.xml (tests).

They say all that the report shows, so that it can be made again, and that two runs can be compared.
"""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from lab.errors import UserError
from lab.playback.player import Playback, Sample
from lab.playback.record import Record, RecordError
from lab.playback.session import Outcome
from lab.playback.verdict import Verdict

#: Packages whose versions tell how a verdict came about.
PACKAGES = ("labgrid", "paramiko", "pytest", "av", "numpy")


class ResultsError(UserError):
    """A folder holds no results, or they cannot be read."""


@dataclass(frozen=True)
class Test:
    """One <testcase>."""

    name: str
    outcome: str  #: passed, failed, error or skipped
    seconds: float
    message: str  #: why it failed, or was skipped


@dataclass(frozen=True)
class Results:
    """What a run found."""

    board: str
    when: str  #: ISO 8601, with the time zone
    versions: dict[str, str]  #: of the tools on the host
    manifest: dict[str, Any] | None  #: of the flashed image, None where it is not known
    outcomes: Sequence[Outcome] = ()
    tests: Sequence[Test] = ()

    @classmethod
    def now(
        cls,
        board: str,
        manifest: dict[str, Any] | None,
        outcomes: Sequence[Outcome] = (),
    ) -> "Results":
        """Results found at this moment by these tools."""
        versions = {"python": python_version()} | {name: version(name) for name in PACKAGES}
        when = datetime.now().astimezone().isoformat(timespec="seconds")
        return cls(board, when, versions, manifest, outcomes)

    @property
    def good(self) -> bool:
        """Whether nothing was found wrong."""
        return all(outcome.verdict.good for outcome in self.outcomes) and not any(
            test.outcome in ("failed", "error") for test in self.tests
        )

    def save(self, folder: Path) -> None:
        """Write run.json, and play.json where something was played. The tests' junit.xml is pytest's own."""
        run = {
            "board": self.board,
            "when": self.when,
            "versions": self.versions,
            "manifest": self.manifest,
            "playbacks": [_as_json(outcome, folder) for outcome in self.outcomes],
        }
        (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n")
        if self.outcomes:
            save_verdicts(self.outcomes, folder / "play.json")

    @classmethod
    def load(cls, folder: Path) -> "Results":
        """Read what save() and pytest wrote. Raises ResultsError."""
        verdicts, tests = verdicts_in(folder), tests_in(folder)
        try:
            run = json.loads((folder / "run.json").read_text())
            playbacks = run["playbacks"]
            outcomes = [
                _outcome(verdict, playback, folder)
                for verdict, playback in zip(verdicts, playbacks, strict=True)
            ]
            return cls(run["board"], run["when"], run["versions"], run["manifest"], outcomes, tests)
        except FileNotFoundError as error:
            raise ResultsError(f"{folder} is no run of this lab: it has no run.json") from error
        except (OSError, ValueError, KeyError, TypeError, RecordError) as error:
            raise ResultsError(f"{folder}: its results cannot be read: {error}") from error


def save_verdicts(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the verdicts as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([outcome.verdict.as_json() for outcome in outcomes], indent=1) + "\n")


def verdicts_in(folder: Path) -> list[dict[str, Any]]:
    """The verdicts of play.json, none where there is no such file. Raises ResultsError."""
    path = folder / "play.json"
    try:
        verdicts = json.loads(path.read_text()) if path.exists() else []
        if not isinstance(verdicts, list) or not all("file" in verdict for verdict in verdicts):
            raise ValueError("play.json is no list of verdicts")
        return verdicts
    except (OSError, ValueError, TypeError) as error:
        raise ResultsError(f"{folder}: its results cannot be read: {error}") from error


def tests_in(folder: Path) -> list[Test]:
    """The tests of junit.xml, none where there is no such file. Raises ResultsError."""
    path = folder / "junit.xml"
    try:
        cases = ElementTree.parse(path).getroot().iter("testcase") if path.exists() else ()
        return [_test(case) for case in cases]
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise ResultsError(f"{folder}: its results cannot be read: {error}") from error


def _test(case: ElementTree.Element) -> Test:
    name, seconds = f"{case.get('classname')}.{case.get('name')}", float(case.get("time") or 0)
    for child, word in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        if (found := case.find(child)) is not None:
            return Test(name, word, seconds, found.get("message") or "")
    return Test(name, "passed", seconds, "")


def _as_json(outcome: Outcome, folder: Path) -> dict[str, Any]:
    record = outcome.record.folder if outcome.record else None
    if record and record.is_relative_to(folder):
        record = record.relative_to(folder)  # the folder may be moved, or sent to somebody
    return {
        "offset": outcome.offset,
        "record": str(record) if record else None,
        "playback": asdict(outcome.playback) if outcome.playback else None,
    }


def _outcome(verdict: dict[str, Any], kept: dict[str, Any], folder: Path) -> Outcome:
    playback = kept["playback"]
    if playback:
        playback = Playback(**playback | {"samples": [Sample(*sample) for sample in playback["samples"]]})
    record = Record.load(folder / kept["record"]) if kept["record"] else None
    return Outcome(Verdict(**verdict), kept["offset"], playback, record)
