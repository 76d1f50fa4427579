# SPDX-License-Identifier: MIT
"""What tests of the compress device say about the client's events and the DSP's records."""

from typing import Any

from lab.playback.media import Media
from lab.playback.record import Record
from lab.playback.verdict import judge


def by_name(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The client's events of one kind."""
    return [event for event in events if event["event"] == name]


def assert_good(file: Media, records: list[Record]) -> None:
    """The DSP got the file's packets, all of them, and has played them to the end."""
    verdict = judge(file, records)
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained
