# SPDX-License-Identifier: MIT
"""Makes audio files for the tests with ffmpeg; nothing is committed."""

import subprocess
from pathlib import Path

import av

#: Tones that climb under a noise: no two frames alike, so bytes in the wrong place show.
_SOURCE = "aevalsrc=exprs='{exprs}':s={rate}:d={seconds}"
_CHANNEL = "0.4*sin(2*PI*({start}+40*t)*t)+0.05*(random({seed})-0.5)"


def make(
    path: Path,
    *,
    seconds: float = 3,
    rate: int = 44100,
    channels: int = 2,
    bits: int = 16,
    options: tuple[str, ...] = (),
    inputs: tuple[str, ...] = (),
) -> Path:
    """Write *path*, encoded as its suffix says; *options* go before ffmpeg's output, *inputs* before them."""
    exprs = "|".join(_CHANNEL.format(start=220 + 110 * n, seed=n) for n in range(channels))
    codec = {
        ".mp3": ["-c:a", "libmp3lame"],
        ".flac": [
            "-c:a",
            "flac",
            "-sample_fmt",
            "s32" if bits > 16 else "s16",
            "-bits_per_raw_sample",
            str(bits),
        ],
    }.get(path.suffix, [])
    subprocess.run(
        [
            "ffmpeg", "-v", "error", "-y", "-f", "lavfi",
            "-i", _SOURCE.format(exprs=exprs, rate=rate, seconds=seconds), *inputs, *codec, *options, path,
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return path


def cover(folder: Path) -> Path:
    """A small JPEG to be a cover picture."""
    path = folder / "cover.jpg"
    source = ["-f", "lavfi", "-i", "testsrc=size=320x320:d=1", "-frames:v", "1"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, path], check=True, stdin=subprocess.DEVNULL)
    return path


def with_tags(path: Path, **options: object) -> Path:
    """An MP3 with ID3v2 and ID3v1 tags and a cover picture."""
    return make(
        path,
        inputs=("-i", str(cover(path.parent)), "-map", "0:a", "-map", "1:v"),
        options=(
            "-c:v", "copy", "-disposition:v", "attached_pic", "-id3v2_version", "3", "-write_id3v1", "1",
            "-metadata", "title=Tagged", "-metadata", "artist=The lab",
        ),
        **options,  # type: ignore[arg-type]
    )  # fmt: skip


def by_lame(path: Path) -> Path:
    """An MP3 of ffmpeg's libmp3lame, with the name of LAME in its Info frame.

    GStreamer takes the samples that the encoder has added from files of that name only.
    """
    content = path.read_bytes()
    at = content.index(b"Lavc", content.index(b"Info"))
    path.write_bytes(content[:at] + b"LAME3.100" + content[at + 9 :])
    return path


def in_large_packets(source: Path, path: Path, size: int) -> None:
    """Copies an MP4 file; *size* of its packets become one."""
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        stream = container.streams.audio[0]
        copy = output.add_stream_from_template(stream)
        frames = [packet for packet in container.demux(stream) if packet.size]
        for part in (frames[at : at + size] for at in range(0, len(frames), size)):
            packet = av.Packet(b"".join(map(bytes, part)))
            packet.stream, packet.time_base = copy, stream.time_base
            packet.pts = packet.dts = part[0].pts
            packet.duration = sum(frame.duration for frame in part)
            output.mux(packet)
