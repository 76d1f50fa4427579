# SPDX-License-Identifier: MIT
"""The verdict on one playback: did every byte arrive, and was the right PCM rendered?

It compares, and takes nobody's word: the bytes with the file's packets, the PCM with a decode on the host.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.playback.media import Media
from lab.playback.record import Record, RecordError

#: The largest difference, in steps of 16 bits, at which two good decoders still agree. MP3 decoders may round
#: differently (ISO 11172-4 allows it); FLAC is lossless.
TOLERANCE = {"mp3": 2.0, "flac": 0.0, "alac": 0.0, "ape": 0.0, "aac": 2.0, "wma": 2.0}

#: The DSP's names for the codecs, where one of ours is several of its formats.
DSP_CODECS = {"wma9": "wma", "wma10": "wma"}

#: Frames at the start in which two good decoders may differ: AAC's first block lacks the one before it, with
#: which it overlaps; libfaad keeps silent.
UNSETTLED = {"aac": 1024}

#: Frames of either side's PCM among which a shift is looked for, and the largest shift found.
_WINDOW, _REACH = 1 << 16, 1 << 13


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One object of ``play --json``. None where the board cannot tell (real hardware hides its DSP)."""

    file: str
    codec: str
    rate: int
    channels: int
    bytes_sent: int
    bytes_received: int | None = None
    bytes_identical: bool | None = None
    frames_expected: int
    frames_rendered: int | None = None
    pcm_identical: bool | None = None
    pcm_max_diff: float | None = None  #: in steps of 16 bits
    drained: bool | None = None
    duration_s: float | None = None  #: of playing, in the board's time
    underruns: int | None = None
    error: str | None = None

    @property
    def good(self) -> bool:
        """Whether nothing was found wrong."""
        return self.error is None

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return Path(self.file).name

    @property
    def length_s(self) -> float:
        """Of the file, in seconds."""
        return self.frames_expected / self.rate

    def as_json(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class PcmComparison:
    """Rendered against expected PCM."""

    shift: int  #: frames that the rendered PCM is late (positive) or had trimmed at its start (negative)
    identical: bool
    max_diff: float  #: in steps of 16 bits, over the frames that both have


def judge(
    media: Media,
    records: list[Record] | None,
    *,
    player_error: str | None = None,
    client_s: float | None = None,
) -> Verdict:
    """Judge one playback.

    *records*: the streams that the DSP recorded meanwhile; None where the board has no such record.
    *player_error*: what the player said, if it failed. *client_s*: seconds of the board's time that it ran.
    """
    verdict = Verdict(
        file=str(media.path),
        codec=media.codec,
        rate=media.rate,
        channels=media.channels,
        bytes_sent=len(media.payload),
        frames_expected=len(media.pcm),
        duration_s=client_s,
        error=player_error,
    )
    if records is None:
        return verdict
    if len(records) != 1:
        found = "no stream" if not records else f"{len(records)} streams"
        return replace(verdict, error=player_error or f"the DSP saw {found}, not one")
    record = records[0]
    start, end = told_to_drop(record)
    try:
        comparison = compare_pcm(media, record.rendered, record.bits, start, end)
    except RecordError as error:
        return replace(verdict, error=player_error or str(error))
    return replace(
        verdict,
        bytes_received=len(record.received),
        bytes_identical=record.received == media.payload,
        frames_expected=len(media.pcm) - start - end,
        frames_rendered=len(record.rendered),
        pcm_identical=comparison is not None and comparison.identical,
        pcm_max_diff=comparison.max_diff if comparison else None,
        drained=bool(record.stream["drained"]),
        duration_s=record.playing_s if record.playing_s is not None else client_s,
        underruns=int(record.stream["underruns"]),
        error=player_error or _fault(media, record, comparison, start, end),
    )


def told_to_drop(record: Record) -> tuple[int, int]:
    """The frames that the DSP was told to drop at the start and at the end of the stream."""
    told = {
        event["where"]: int(event["samples"])
        for event in record.events
        if event["event"] == "silence" and event["applied"]
    }
    return told.get("initial", 0), told.get("trailing", 0)


def _fault(media: Media, record: Record, pcm: PcmComparison | None, start: int, end: int) -> str | None:
    """The first thing wrong with the stream, in the order of cause and effect, as a sentence."""
    stream, sent, received = record.stream, media.payload, record.received
    if DSP_CODECS.get(stream["codec"], stream["codec"]) != media.codec:
        return f"the DSP was told to decode {stream['codec']}, the file is {media.codec}"
    if (stream["rate"], stream["channels"]) != (media.rate, media.channels):
        return (
            f"the DSP was told {stream['rate']} Hz with {stream['channels']} channels, "
            f"the file has {media.rate} Hz with {media.channels}"
        )
    if received != sent:
        return _byte_fault(sent, received)
    if stream["error"]:
        return f"the DSP reports: {stream['error']}"
    if not stream["drained"]:
        return "all bytes arrived, but the stream ended before they were rendered"
    if pcm is None:
        return "the DSP rendered nothing"
    if start not in (0, media.encoder_delay) or end not in (0, media.encoder_padding):
        return (
            f"the DSP was told to drop {start} frames at the start and {end} at the end, "
            f"the file says {media.encoder_delay} and {media.encoder_padding}"
        )
    if pcm.shift not in _allowed_shifts(media, start):
        return f"the rendered PCM is shifted by {pcm.shift} frames"
    expected = len(media.pcm) - start - end
    if len(record.rendered) - pcm.shift != expected:
        return f"the DSP rendered {len(record.rendered)} frames of {expected}"
    if pcm.max_diff > TOLERANCE[media.codec]:
        return f"the rendered PCM differs from the host's decode by up to {pcm.max_diff:g} steps of 16 bits"
    if stream["underruns"]:
        return f"the DSP ran dry {stream['underruns']} times"
    return None


def _byte_fault(sent: bytes, received: bytes) -> str:
    common = min(len(sent), len(received))
    unequal = np.frombuffer(sent, np.uint8, common) != np.frombuffer(received, np.uint8, common)
    if not unequal.any():
        return f"the DSP received {len(received)} bytes of {len(sent)}"
    return (
        f"the DSP received other bytes than were sent: {unequal.sum() + abs(len(sent) - len(received))} "
        f"of {len(sent)} differ, the first at {int(unequal.argmax())}"
    )


def _allowed_shifts(media: Media, start: int) -> tuple[int, ...]:
    """Untold, a decoder renders everything, or drops the encoder's delay; nothing else is alignment."""
    return (0, -media.encoder_delay) if media.codec == "mp3" and media.encoder_delay and not start else (0,)


def compare_pcm(
    media: Media, rendered: NDArray[np.int32], bits: int, start: int = 0, end: int = 0
) -> PcmComparison | None:
    """Compare *rendered*, shape (frames, channels) at *bits*, with the media's own PCM, after aligning them.

    *start*, *end*: frames that the DSP was told to drop.

    None where nothing was rendered. Raises RecordError where the number of channels differs.
    """
    expected = media.pcm[start : len(media.pcm) - end]
    if not rendered.size:
        return None
    if rendered.shape[1:] != expected.shape[1:]:
        raise RecordError(f"the DSP rendered {rendered.shape[1]} channels, the file has {expected.shape[1]}")
    # Left-justified to 32 bits, so that 16 and 24 bits compare.
    ours = expected.astype(np.int64) << (32 - media.bits)
    theirs = rendered.astype(np.int64) << (32 - bits)
    if (unsettled := UNSETTLED.get(media.codec, 0) - start) > 0:
        ours, theirs = ours[unsettled:], theirs[unsettled:]
    best: PcmComparison | None = None
    # A tone correlates with itself at many shifts: try the legitimate ones before searching.
    for shift in (*_allowed_shifts(media, start), None):
        if shift is None:
            shift = _find_shift(ours, theirs)
        difference = _difference(ours, theirs, shift)
        identical = shift <= 0 and np.array_equal(ours[-shift:], theirs)
        comparison = PcmComparison(shift, identical, difference)
        if difference <= TOLERANCE.get(media.codec, 0.0):
            return comparison
        if best is None or comparison.max_diff < best.max_diff:
            best = comparison
    assert best is not None
    return best


def _overlap(ours: NDArray[np.int64], theirs: NDArray[np.int64], shift: int) -> tuple[NDArray, NDArray]:
    ours, theirs = ours[max(-shift, 0) :], theirs[max(shift, 0) :]
    common = min(len(ours), len(theirs))
    return ours[:common], theirs[:common]


def _difference(ours: NDArray[np.int64], theirs: NDArray[np.int64], shift: int) -> float:
    ours, theirs = _overlap(ours, theirs, shift)
    return float(np.abs(ours - theirs).max()) / 65536 if ours.size else 0.0


def _find_shift(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> int:
    """The shift, in frames, at which the two correlate best."""
    one, two = (side[:_WINDOW].sum(axis=1).astype(np.float64) for side in (ours, theirs))
    if not one.any() or not two.any():
        return 0
    size = 2 * _WINDOW
    correlation = np.fft.irfft(np.fft.rfft(two, size) * np.conj(np.fft.rfft(one, size)), size)
    shifts = np.r_[0 : _REACH + 1, -_REACH:0]
    return int(shifts[correlation[shifts].argmax()])
