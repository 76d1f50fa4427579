# SPDX-License-Identifier: MIT
"""Odd and broken files through pw-cat: each plays as far as it is music, or is refused in one sentence.

No daemon dies of any of them.
"""

import random
import shlex
from pathlib import Path

import av
import pytest
from support.media import make
from support.pipewire import ENVIRONMENT

pytestmark = pytest.mark.lg_feature("dsp-record")


def packets(path: Path) -> bytes:
    """What libavformat makes of a file, however broken."""
    with av.open(str(path)) as container:
        stream = container.streams.best("audio")
        return b"".join(bytes(packet) for packet in container.demux(stream) if packet.size)


def with_junk(folder: Path) -> Path:
    data = make(folder / "whole.mp3").read_bytes()
    middle = len(data) // 2
    path = folder / "junk.mp3"
    path.write_bytes(data[:middle] + b"this is no audio " * 1000 + data[middle:])
    return path


def wrong_extension(folder: Path) -> Path:
    return make(folder / "a.flac").rename(folder / "wrong.mp3")


def changing_rate(folder: Path) -> Path:
    bare = ("-write_xing", "0", "-id3v2_version", "0")
    parts = [make(folder / f"{rate}.mp3", rate=rate, options=bare) for rate in (44100, 48000)]
    path = folder / "changes.mp3"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def large_tag(folder: Path) -> Path:
    """An ID3v2 tag of 5 MB: its size is in four bytes of seven bits (ID3v2.3, 3.1)."""
    size = 5_000_000
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = folder / "tag.mp3"
    music = make(folder / "whole.mp3", options=("-id3v2_version", "0")).read_bytes()
    path.write_bytes(b"ID3\3\0\0" + length + bytes(size) + music)
    return path


def free_format(folder: Path) -> Path:
    """Frames whose headers name no bit rate (ISO 11172-3, 2.4.2.3); at 48 kHz none is padded."""
    whole = make(
        folder / "whole.mp3", rate=48000,
        options=("-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"),
    )  # fmt: skip
    data = bytearray(whole.read_bytes())
    for at in range(0, len(data) - 3, 384):
        assert data[at] == 0xFF
        data[at + 2] &= 0x0F
    path = folder / "free.mp3"
    path.write_bytes(data)
    return path


def empty(folder: Path) -> Path:
    path = folder / "empty.mp3"
    path.write_bytes(b"")
    return path


def no_audio(folder: Path) -> Path:
    path = folder / "noise.flac"
    path.write_bytes(random.Random(7).randbytes(50_000))
    return path


def cut_flac(folder: Path) -> Path:
    path = folder / "cut.flac"
    path.write_bytes(make(folder / "whole.flac").read_bytes()[:200_000])
    return path


def eight_channels(folder: Path) -> Path:
    return make(folder / "eight.flac", rate=48000, channels=8, seconds=1)


def high_rate(folder: Path) -> Path:
    return make(folder / "high.flac", rate=192000, bits=24, seconds=1)


PLAY = (with_junk, wrong_extension, changing_rate, large_tag, cut_flac, high_rate)
REFUSED = (free_format, empty, no_audio, eight_channels)


@pytest.fixture
def run(remote):
    """Plays a file as it is with pw-cat; at the end both daemons must have lived on."""
    alive = "systemctl show --property=MainPID --value pipewire wireplumber"
    before = remote.run_check(alive).split()

    def run(path: Path, command: str = "pw-cat --playback --encoded {}"):
        target = f"/tmp/odd{path.suffix}"
        remote.put(path, target)
        return remote.run(f"{ENVIRONMENT} {command.format(shlex.quote(target))}", timeout=120)

    yield run
    assert remote.run_check(alive).split() == before, "a daemon died"


def assert_refused(result, records):
    assert result.code != 0
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    assert not [record for record in records if record.received]


def assert_played(path, result, records):
    assert result.code == 0, result.stderr
    assert len(records) == 1
    assert records[0].received == packets(path)
    assert records[0].stream["drained"] and records[0].stream["underruns"] == 0


@pytest.mark.parametrize("bad", [*PLAY, *REFUSED], ids=lambda bad: bad.__name__)
def test_odd_files(bad, tmp_path, run, recorded):
    path = bad(tmp_path)
    result = run(path)
    records = [record for record in recorded() if record.stream["codec"] != "pcm"]
    if bad in REFUSED:
        assert_refused(result, records)
    else:
        assert_played(path, result, records)


def test_from_a_pipe(tmp_path, run, recorded):
    """What cannot be sought in is read from its start to its end."""
    path = make(tmp_path / "a.mp3")
    result = run(path, "sh -c 'cat {} | pw-cat --playback --encoded /dev/stdin'")
    assert_played(path, result, [record for record in recorded() if record.stream["codec"] != "pcm"])
