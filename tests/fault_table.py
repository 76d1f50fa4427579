# SPDX-License-Identifier: MIT
"""Puts what tests/board/test_dsp_faults.py found into docs/faults.md.

python tests/fault_table.py RUN_FOLDER [FOLDER_OF_THE_UNPATCHED_STACK]
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

DOCUMENT = Path(__file__).parents[1] / "docs/faults.md"
BEGIN, END = "<!-- made by tests/fault_table.py: -->\n", "<!-- end -->\n"

Found = dict[str, Any]


def read(folder: Path) -> list[Found]:
    """What a run found: one object for each fault, the last one where it was tried again."""
    lines = (folder / "faults.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return list({(each["stage"], each["fault"]): each for each in found if each["struck"]}.values())


def survived(found: Found) -> bool:
    """Nothing died, the player ended, and the next file was right."""
    lives = found["daemons_live"] and found["kernel_fine"]
    return bool(lives and found["player"] != "killed" and found["next_right"])


def summary(name: str, found: Sequence[Found]) -> str:
    """One row: counts, and the mean time to the next right playback."""
    right = [each["next_after_s"] for each in found if each["next_right"]]
    counts = [
        len(found),
        sum(map(survived, found)),
        sum(not each["kernel_fine"] for each in found),
        sum(not each["daemons_live"] for each in found),
        sum(each["player"] == "killed" for each in found),
        sum(not each["next_right"] for each in found),
    ]
    return f"| {name} | {' | '.join(map(str, counts))} | {f'{mean(right):.1f} s' if right else 'never'} |"


def outcome(found: Found) -> str:
    """What became of the player, and of all else if that is not well."""
    player = {"killed": "hangs", "error": "is told", "went on": "goes on"}[found["player"]]
    words = [f"{player}, {found['player_s']:.0f} s"]
    if not found["kernel_fine"]:
        words.append("**kernel warns**")
    if not found["daemons_live"]:
        words.append("**daemon dies**")
    words.append(f"{found['next_after_s']:.1f} s" if found["next_right"] else "**never**")
    return "; ".join(words)


def table(found: Sequence[Found], unpatched: Sequence[Found] = ()) -> str:
    """The summary of each run, and all faults of the first."""
    lines = [
        "| stack | faults | survived | kernel oops, WARN | daemon died | player hung | next file not right | mean time to the next right file |",  # noqa: E501
        "|---|---|---|---|---|---|---|---|",
        summary("this layer", found),
    ]
    if unpatched:
        lines.append(summary("as released", unpatched))
    lines += ["", "| stage | fault | the player; the next right file after |", "|---|---|---|"]
    lines += [f"| {each['stage']} | `{each['fault']}` | {outcome(each)} |" for each in found]
    return "\n".join(lines) + "\n"


def write(text: str, document: Path = DOCUMENT) -> None:
    """Replace what is between the marks of *document*. Raises ValueError where it has none."""
    before, begin, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no place for the table")
    document.write_text(before + BEGIN + text + END + after)


if __name__ == "__main__":
    write(table(*(read(Path(folder)) for folder in sys.argv[1:])))
