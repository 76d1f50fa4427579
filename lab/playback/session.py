# SPDX-License-Identifier: MIT
"""One file, played and judged: the way from a file on the host to a verdict."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from labgrid import Target
from labgrid.exceptions import NoDriverFoundError

from lab.drivers.dsprecord import DspRecordDriver
from lab.drivers.player import PlayerDriver
from lab.drivers.remote import Progress, RemoteError
from lab.errors import UserError
from lab.playback import media
from lab.playback.media import JUDGED, Media
from lab.playback.player import Playback
from lab.playback.record import Record, RecordError
from lab.playback.verdict import Verdict, judge


@dataclass(frozen=True)
class Outcome:
    """All that is known of one playback."""

    verdict: Verdict
    offset: int  #: bytes of the file before its first packet
    playback: Playback | None  #: None where the player could not even be started
    record: Record | None  #: None where the board has no record, or the DSP saw no stream, or several


class CodecError(UserError):
    """The DSP does not take the file's encoding."""


def read_all(paths: Sequence[Path]) -> list[Media]:
    """Read and check all files, before anything is done with a board. Raises MediaError."""
    files = [media.read(path) for path in paths]
    with ThreadPoolExecutor() as pool:  # libavcodec decodes without the interpreter's lock
        for _ in pool.map(media.check, [file for file in files if file.codec in JUDGED]):
            pass
    return files


def check_codecs(files: Sequence[Media], listed: Sequence[str]) -> None:
    """Raises CodecError for the first file whose codec is not among those that the DSP lists."""
    names = ", ".join(codec.upper() for codec in listed) or "none at all"
    for file in files:
        if file.codec not in listed:
            raise CodecError(
                f"{file.path}: it is {file.codec.upper()}, which the DSP does not list; it lists {names}"
            )
        if file.codec not in JUDGED:
            raise CodecError(
                f"{file.path}: the DSP lists {file.codec.upper()}, but the lab can judge "
                f"{' and '.join(codec.upper() for codec in JUDGED)} only"
            )


def dsp_of(target: Target) -> DspRecordDriver | None:
    """The driver for the DSP's records, None on a board that has none."""
    try:
        return target.get_driver(DspRecordDriver)
    except NoDriverFoundError:
        return None


def play(
    target: Target,
    file: Media,
    folder: Path,
    *,
    options: Sequence[str] = (),
    steps: str = "",
    limit: float | None = None,
    follow: bool = False,
    copied: Progress | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Outcome:
    """Play *file* on *target* for at most *limit* seconds, keep the DSP's record below *folder*, and judge.

    *options* go to the player; *steps* are shell commands run beside it, which find its process in $player.
    *follow*, *copied* and *on_line*: see PlayerDriver.play().
    What goes wrong on the board becomes the verdict's error. Raises MediaError where the file is bad.
    """
    dsp = dsp_of(target)
    player = target.get_driver(PlayerDriver)
    playback, records, error = None, None, None
    try:
        known = dsp.streams() if dsp else []
        playback = player.play(
            file,
            options=options,
            steps=steps,
            limit=limit,
            follow=follow,
            copied=copied,
            on_line=on_line,
        )
        error = playback.error
        if dsp:
            # WirePlumber probes PCM devices when it starts: it opens them, and writes nothing.
            new = dsp.fetch_new(known, folder)
            records = [record for record in new if record.stream["codec"] != "pcm" or record.received]
    except (RemoteError, RecordError) as failure:
        error = error or str(failure)
    verdict = judge(file, records, player_error=error, client_s=playback.duration_s if playback else None)
    return Outcome(verdict, file.offset, playback, records[0] if records and len(records) == 1 else None)
