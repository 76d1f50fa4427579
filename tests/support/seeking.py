# SPDX-License-Identifier: MIT
"""What of a file each stream of the DSP got, where a player sought in it."""

from collections.abc import Iterable

from lab.playback.record import Record

#: Bytes per second of a file made with CBR_128K.
RATE = 16000
CBR_128K = ("-b:a", "128k")


def parts_of(payload: bytes, records: Iterable[Record]) -> list[tuple[float, float, Record]]:
    """Per stream: the seconds of the file at which it starts and ends. The last one must reach its end."""
    found = []
    for record in records:
        start = payload.find(record.received)
        assert record.received and start >= 0, "what the DSP got is no part of the file"
        found.append((start / RATE, (start + len(record.received)) / RATE, record))
    assert found[-1][1] == len(payload) / RATE and found[-1][2].stream["drained"]
    return found
