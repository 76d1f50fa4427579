# SPDX-License-Identifier: MIT
"""What is tried of each codec, and the table of it in docs/codecs.md."""

from dataclasses import dataclass
from pathlib import Path

from lab.playback.verdict import Verdict
from support.media import make
from support.samples import sample

#: Noise substitution is left out: each decoder makes it of its own random numbers.
AAC = ("-c:a", "aac", "-b:a", "128k", "-aac_pns", "0")
ALAC16 = ("-c:a", "alac", "-sample_fmt", "s16p")
ALAC24 = ("-c:a", "alac", "-sample_fmt", "s32p")
WMA = ("-c:a", "wmav2", "-b:a", "128k")


@dataclass(frozen=True)
class Case:
    """A file: made by ffmpeg with *options*, or a sample from Debian's sources."""

    codec: str
    container: str
    rate: int
    channels: int
    bits: int | None  #: None: a lossy codec has no depth
    name: str
    options: tuple[str, ...] | None = ()
    note: str = ""

    @property
    def id(self) -> str:
        return f"{self.codec}-{self.container}-{self.rate}-{self.channels}-{self.bits or 0}".replace(" ", "")

    def file(self, folder: Path) -> Path:
        if self.options is None:
            return sample(self.name)
        return make(
            folder / self.name, seconds=2, rate=self.rate, channels=self.channels, bits=self.bits or 16,
            options=self.options,
        )  # fmt: skip


CASES = (
    Case("MP3", "MP3", 44100, 2, None, "a.mp3"),
    Case("MP3", "MP3", 48000, 1, None, "a.mp3"),
    Case("MP3", "MP3", 8000, 1, None, "a.mp3", ("-b:a", "8k")),
    Case("FLAC", "FLAC", 44100, 2, 16, "a.flac"),
    Case("FLAC", "FLAC", 48000, 1, 16, "a.flac"),
    Case("FLAC", "FLAC", 48000, 2, 24, "a.flac"),
    Case("FLAC", "FLAC", 192000, 2, 24, "a.flac"),
    Case("FLAC", "FLAC", 48000, 8, 16, "a.flac"),
    Case("WMA 9", "ASF", 44100, 2, None, "a.wma", WMA),
    Case("WMA 9", "ASF", 48000, 1, None, "a.wma", ("-c:a", "wmav2", "-b:a", "64k")),
    Case("WMA 9 Pro", "ASF", 44100, 2, None, "pro-silence.wma", None, "silence only: no other sample"),
    Case("WMA 9 Lossless", "ASF", 44100, 2, 16, "lossless.wma", None),
    Case("ALAC", "MP4", 44100, 2, 16, "a.m4a", ALAC16),
    Case("ALAC", "MP4", 44100, 1, 16, "a.m4a", ALAC16),
    Case("ALAC", "MP4", 48000, 2, 24, "a.m4a", ALAC24),
    Case("ALAC", "MP4", 96000, 2, 24, "a.m4a", ALAC24),
    Case("APE", "APE 3.99", 44100, 2, 16, "music.ape", None),
    Case("AAC-LC", "ADTS", 44100, 2, None, "a.aac", AAC),
    Case("AAC-LC", "ADTS", 48000, 1, None, "a.aac", AAC),
    Case("AAC-LC", "MP4", 44100, 2, None, "a.m4a", AAC),
    Case("AAC-LC", "MP4", 8000, 1, None, "a.m4a", ("-c:a", "aac", "-b:a", "16k", "-aac_pns", "0")),
)


#: What each case came to, by its id: past PipeWire, through it, through GStreamer. The tests fill them in.
outcomes: dict[str, str] = {}
through_pipewire: dict[str, str] = {}
through_gstreamer: dict[str, str] = {}


def comparison(verdict: Verdict) -> str:
    """How the PCM that was rendered compares, in words."""
    steps = max(1, round(verdict.pcm_max_diff or 0))
    return "identical" if verdict.pcm_identical else f"within {steps} of 65,536 steps"


def table() -> str:
    """The support table."""
    head = (
        "| codec | container | rate | channels | bits | PCM, against libavcodec's | through PipeWire |"
        " through GStreamer |\n"
    )
    return f"{head}|---|---|---|---|---|---|---|---|\n" + "".join(
        f"| {case.codec} | {case.container} | {case.rate} | {case.channels} | {case.bits or ''} | "
        f"{outcomes[case.id]}{f' ({case.note})' if case.note else ''} | {through_pipewire[case.id]} | "
        f"{through_gstreamer[case.id]} |\n"
        for case in CASES
    )
