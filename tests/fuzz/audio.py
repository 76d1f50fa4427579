# SPDX-License-Identifier: MIT
"""Media files that a player is given, and recordings that a board gives back."""

from __future__ import annotations

import functools
import io
import json
import shutil
import tarfile
from contextlib import suppress

import numpy as np

from lab.drivers.dsprecord import unpack
from lab.playback import media
from lab.playback.player import Playback
from lab.playback.record import RecordError
from tests.fuzz.images import folder
from tests.fuzz.target import Target
from tests.support.media import make

# -- media files -----------------------------------------------------------------------------------------

#: Suffix and ffmpeg's options of each sample; they are short, so that a damage hits something.
_KINDS = (
    (".mp3", ("-b:a", "64k")),
    (".flac", ()),
    (".m4a", ("-c:a", "alac")),
    (".m4a", ("-c:a", "aac", "-b:a", "64k")),
    (".wma", ("-c:a", "wmav2", "-b:a", "64k")),
    (".aac", ("-c:a", "aac", "-b:a", "64k")),
    (".ogg", ("-c:a", "libvorbis")),
    (".wav", ()),
)


@functools.cache
def files() -> list[bytes]:
    """A file of each kind."""
    root = folder() / "media"
    root.mkdir()
    rate = {".wma": 44100}
    return [
        make(
            root / f"{number}{suffix}",
            seconds=0.1,
            rate=rate.get(suffix, 16000),
            channels=1,
            options=("-bitexact", *options),
        ).read_bytes()
        for number, (suffix, options) in enumerate(_KINDS)
    ]


def _check_media(data: bytes) -> None:
    path = folder() / "case"
    path.write_bytes(data)
    with suppress(media.MediaError):
        read = media.read(path)
        assert read.packets and read.rate > 0 and read.channels > 0
        assert len(read.payload) == sum(map(len, read.packets))
        with suppress(media.MediaError):
            assert read.pcm.dtype == np.int32 and read.pcm.ndim == 2
            assert read.duration_s >= 0
        media.check(read)


MEDIA = Target(
    "media-file",
    files,
    _check_media,
    hot=((0, 64), (0, 256), (0, 1024)),
    tokens=(
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", b"fLaC", b"moov", b"trak", b"stsz", b"stsc", b"elst", b"OggS",
        b"RIFF", b"Xing", b"Info\0\0\0\1\xff\xff\xff\xff", b"MAC \x96\x0f\0\0\xff\xff\xff\xff",
        b"\xff\xfb\x90\x64", b"\xff\xf1\x50\x80", b"LAME", b"data", b"esds", b"alac", b"mdat",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    ),
)  # fmt: skip

# -- recordings ------------------------------------------------------------------------------------------


@functools.cache
def _archives() -> list[bytes]:
    root = folder() / "wav"
    root.mkdir()
    wav = make(root / "rendered.wav", seconds=0.01, rate=8000, channels=1).read_bytes()
    stream = {"codec": "mp3", "rate": 8000, "channels": 1, "bits": 16, "run_us": 5, "eos_rendered_us": 2005}
    stream |= {"underruns": 0, "error": None, "drained": True, "bytes": 10, "frames": 80}
    events = [{"t_us": 1, "event": "open"}, {"t_us": 5, "event": "write", "length": 10, "token": 0}]
    members = {
        "stream.json": json.dumps(stream).encode(),
        "events.jsonl": b"".join(json.dumps(event).encode() + b"\n" for event in events),
        "input.bin": b"0123456789",
        "rendered.wav": wav,
    }
    archives = []
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(f"0001/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        archives.append(out.getvalue())
    return archives


def _mend_archive(data: bytearray) -> None:
    """New checksums for what may be headers of members."""
    for at in range(0, len(data) - 511, 512):
        if b"ustar" in data[at + 250 : at + 270]:
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])


def _check_archive(data: bytes) -> None:
    root = folder() / "archive"
    shutil.rmtree(root, ignore_errors=True)
    into = root / "into"
    into.mkdir(parents=True)
    with suppress(RecordError):
        for record in unpack(data, into):
            record.received  # noqa: B018 (reads it)
            samples = record.rendered
            assert samples.dtype == np.int32 and samples.ndim == 2
            assert record.playing_s is None or isinstance(record.playing_s, float)
            assert all(isinstance(event, dict) for event in record.events)
    assert [path.name for path in root.iterdir()] == ["into"], "something was written outside"
    assert not any(path.is_symlink() for path in root.rglob("*")), "a link was made"


ARCHIVE = Target(
    "recording",
    _archives,
    _check_archive,
    hot=((0, 160), (512, 800), (1024, 1200), (1536, 1800), (2048, 2200)),
    mend=_mend_archive,
    tokens=(
        b"../", b"/", b"..", b"0001/../../x", b"0001/..", b"./.", b"2", b"1", b"5", b"L", b"x", b"S",
        b"\x80\xff\xff\xff\xff", b"null", b"[]", b"-1", b"1e999", b"{", b"\xff", b'"bits":0',
        b'"channels":0', b"NaN", b"[" * 3000, b"9" * 5000, b'"',
    ),
)  # fmt: skip

# -- what the script on the board prints -----------------------------------------------------------------

_LINES = b"""\
counter start idle 1000 cpu0 C1
counter start energy 500 meter energy1_input
sample 10.5 1000 2000 4096 7
sample 11.0 2000 3000 8192 9
dsp {"ok":true,"now_us":5,"streams":[]}
kernel something
counter end idle 9000 cpu0 C1
end 12.0 0
"""


def _check_output(data: bytes) -> None:
    playback = Playback()
    for line in data.decode(errors="replace").splitlines():
        with suppress(ValueError):
            playback.read_line(line)
    assert all(isinstance(value, float) for value in {**playback.idle_s, **playback.energy_j}.values())
    assert playback.error is None or isinstance(playback.error, str)
    assert playback.duration_s is None or isinstance(playback.duration_s, float)


OUTPUT = Target(
    "player-output",
    lambda: [_LINES],
    _check_output,
    tokens=(
        b"nan", b"inf", b"-", b"1e400", b" ", b"\n", b"sample ", b"end ", b"counter ", b"9" * 5000, b"\0",
    ),
)  # fmt: skip
