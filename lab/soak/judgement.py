# SPDX-License-Identifier: MIT
"""Was that right? Every byte that the DSP received, against what the act allows."""

from collections.abc import Sequence

from lab.playback.media import Media
from lab.playback.player import Playback
from lab.playback.record import Record
from lab.playback.verdict import judge as verdict
from lab.soak.acts import Act

#: Exit codes of a player that was told to end: pw-cat's own if it was not done, and the shell's for SIGTERM.
_KILLED = (0, 1, 143)


def judge(act: Act, playback: Playback, records: Sequence[Record]) -> str | None:
    """What is wrong with what the DSP recorded during *act*, as a sentence; None where nothing is.

    *records* are the streams of encoded data, oldest first.
    """
    if playback.broken:
        return playback.broken
    match act.kind:
        case "play" | "pause":
            return verdict(act.tracks[0], list(records), player_error=playback.error).error
        case "seek":
            return playback.error or _parts(act.tracks[0], records, to_the_end=True)
        case "album":
            return playback.error or _row(act.tracks, records)
        case "skip":
            if playback.error and (playback.code not in _KILLED or playback.messages.strip()):
                return playback.error
            return _parts(act.tracks[0], records, from_the_start=True)
        case "restart":
            # What the DSP held is lost, and the player may give up; what arrives is right all the same.
            return _parts(act.tracks[0], records)
    raise ValueError(f"no such act: {act.kind}")


def _parts(
    track: Media, records: Sequence[Record], *, from_the_start: bool = False, to_the_end: bool = False
) -> str | None:
    """Each stream must have got one piece of the track's packets."""
    for number, record in enumerate(records):
        if record.received not in track.payload:
            return f"stream {number} of the DSP got bytes that are no part of {track.path.name}"
        if from_the_start and not track.payload.startswith(record.received):
            return f"stream {number} of the DSP does not start with {track.path.name}"
    if not to_the_end:
        return None
    if not records:
        return "the DSP saw no stream"
    if not track.payload.endswith(records[-1].received) or not records[-1].received:
        return f"the last stream of the DSP does not reach the end of {track.path.name}"
    return None if records[-1].stream["drained"] else "the last stream of the DSP was not rendered to its end"


def _row(tracks: Sequence[Media], records: Sequence[Record]) -> str | None:
    if len(records) != len(tracks):
        return f"the DSP saw {len(records)} streams for {len(tracks)} tracks"
    for track, record in zip(tracks, records, strict=True):
        if record.received != track.payload:
            return f"the DSP received other bytes than those of {track.path.name}"
        if not record.stream["drained"]:
            return f"{track.path.name} was not rendered to its end"
        if record.stream["underruns"]:
            return f"the DSP ran dry in {track.path.name}"
    return None
