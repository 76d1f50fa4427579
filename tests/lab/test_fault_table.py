# SPDX-License-Identifier: MIT
"""The table of faults says what was found, and nothing better."""

import json

import pytest

from tests import fault_table

GOOD = {
    "stage": "playing", "fault": "write:8 lose", "struck": True, "player": "error", "player_s": 21.4,
    "next_right": True, "next_after_s": 0.5, "daemons_live": True, "kernel_fine": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kernel_fine": False}, "**kernel warns**"),
        ({"daemons_live": False}, "**daemon dies**"),
        ({"player": "killed"}, "hangs"),
        ({"next_right": False}, "**never**"),
    ],
)
def test_what_is_wrong_is_told(wrong, words):
    bad = GOOD | wrong
    assert words not in fault_table.table([GOOD]) and words in fault_table.table([bad])
    assert fault_table.summary("x", [GOOD, bad]).startswith("| x | 2 | 1 |")


def test_the_mean_is_of_what_was_right():
    other = GOOD | {"next_after_s": 2.5}
    assert fault_table.summary("x", [GOOD, other]).endswith("| 1.5 s |")
    assert fault_table.summary("x", [GOOD | {"next_right": False}]).endswith("| never |")


def test_the_last_attempt_counts_and_only_what_struck(tmp_path):
    lines = [GOOD | {"next_right": False}, GOOD, GOOD | {"fault": "late", "struck": False}]
    (tmp_path / "faults.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert fault_table.read(tmp_path) == [GOOD]


def test_the_document_keeps_its_other_text(tmp_path):
    document = tmp_path / "doc.md"
    document.write_text(f"before\n{fault_table.BEGIN}old\n{fault_table.END}after\n")
    fault_table.write("new\n", document)
    assert document.read_text() == f"before\n{fault_table.BEGIN}new\n{fault_table.END}after\n"
    document.write_text("nothing")
    with pytest.raises(ValueError, match="no place"):
        fault_table.write("new\n", document)


def test_there_is_a_place_in_the_document():
    text = fault_table.DOCUMENT.read_text()
    assert text.count(fault_table.BEGIN) == text.count(fault_table.END) == 1
