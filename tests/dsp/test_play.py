# SPDX-License-Identifier: MIT
"""What is written arrives, is decoded right, and takes the time that it has to."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dsp.audio import BARE_MP3, Media, decode, difference
from tests.dsp.driver import MS, Codec, Dsp, PcmStream, S, Status, Stream, flac_format, pcm_format
from tests.support.media import with_tags


def play(dsp: Dsp, stream: Stream) -> int:
    """Open, play to the end, close; the nanoseconds that it took."""
    duration = stream.open().play()
    stream.close()
    stream.unmap()
    assert not dsp.unexpected
    return duration


def check_faultless(dsp: Dsp, stream: Stream, data: bytes) -> dict[str, Any]:
    record = dsp.record()
    facts = record.json
    assert facts["error"] is None
    assert facts["underruns"] == 0
    assert facts["eos"] and facts["drained"]
    assert facts["bytes_received"] == len(data)
    assert record.input == data
    writes = record.events("write")
    assert [event["offset"] for event in writes] == list(range(0, len(data), stream.fragment))
    assert sum(event["length"] for event in writes) == len(data)
    assert facts["writes"] == len(writes) == len(stream.done)
    assert all(status == Status.EOK for _, _, status in stream.done)
    return facts


@pytest.mark.parametrize(
    ("rate", "channels", "options"),
    [
        (44100, 2, ("-b:a", "128k")),
        (44100, 2, ("-q:a", "2")),
        (44100, 2, ("-b:a", "320k")),
        (48000, 1, ("-b:a", "64k")),
        (32000, 2, ("-b:a", "96k")),
        (22050, 1, ("-b:a", "32k")),
        (8000, 1, ("-b:a", "8k")),
    ],
)
def test_mp3(dsp: Dsp, media: Media, rate: int, channels: int, options: tuple[str, ...]) -> None:
    path = media("tone.mp3", rate=rate, channels=channels, options=(*options, *BARE_MP3))
    stream = Stream(dsp, path.read_bytes())
    duration = play(dsp, stream)
    facts = check_faultless(dsp, stream, path.read_bytes())
    expected = decode(path, channels)
    assert difference(decode(dsp.record().wav, channels), expected) <= 2
    assert (facts["codec"], facts["rate"], facts["channels"], facts["bits"]) == ("mp3", rate, channels, 16)
    assert facts["frames_rendered"] == len(expected)
    assert abs(duration - len(expected) * S // rate) <= 1000


def test_mp3_with_tags_and_info_frame(dsp: Dsp, tmp_path: Path) -> None:
    path = with_tags(tmp_path / "tagged.mp3")
    stream = Stream(dsp, path.read_bytes())
    play(dsp, stream)
    check_faultless(dsp, stream, path.read_bytes())
    rendered = decode(dsp.record().wav, 2)
    expected = decode(path, 2, 16, "-flags2", "+skip_manual")
    # the Info frame is a frame of silence to the DSP; libavformat skips it
    assert not rendered[:1152].any()
    assert difference(rendered[1152:], expected) <= 2


@pytest.mark.parametrize(
    ("rate", "channels", "bits", "fragment"),
    [
        (44100, 2, 16, 8192),
        (44100, 2, 16, 32768),
        (48000, 1, 16, 8192),
        (44100, 2, 24, 131072),
        (88200, 1, 24, 8192),
        (96000, 2, 24, 32768),
    ],
)
def test_flac(dsp: Dsp, media: Media, rate: int, channels: int, bits: int, fragment: int) -> None:
    path = media("tone.flac", rate=rate, channels=channels, bits=bits)
    block = flac_format(rate, channels, bits)
    stream = Stream(dsp, path.read_bytes(), Codec.FLAC, block, fragment=fragment)
    duration = play(dsp, stream)
    facts = check_faultless(dsp, stream, path.read_bytes())
    expected = decode(path, channels, bits)
    assert difference(decode(dsp.record().wav, channels, bits), expected) == 0
    assert (facts["codec"], facts["rate"], facts["channels"], facts["bits"]) == ("flac", rate, channels, bits)
    assert facts["format"]["rate"] == rate and facts["format"]["bits"] == bits
    assert facts["format_hex"] == block[4:].hex()
    assert abs(duration - len(expected) * S // rate) <= 1000


def frames_of(path: Path) -> bytes:
    """The frames of a FLAC file, without its header."""
    data = path.read_bytes()
    assert data[:4] == b"fLaC"
    at, last = 4, False
    while not last:
        last = bool(data[at] & 0x80)
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    return data[at:]


def test_flac_frames_without_file_header(dsp: Dsp, flac: Path) -> None:
    """As libavformat demuxes them; what the frames need comes from the media format block."""
    data = frames_of(flac)
    stream = Stream(dsp, data, Codec.FLAC, flac_format(blocks=(4608, 4608)))
    play(dsp, stream)
    check_faultless(dsp, stream, data)
    assert difference(decode(dsp.record().wav, 2), decode(flac, 2)) == 0


@pytest.mark.parametrize("options", [["-b", "16", "--lax"], ["-b", "65535", "--lax"], ["-0"], ["-8"]])
def test_flac_block_sizes(dsp: Dsp, flac: Path, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "again.flac"
    subprocess.run(["flac", "-s", "-f", *options, flac, "-o", path, "--until=88200"], check=True)
    stream = Stream(dsp, path.read_bytes(), Codec.FLAC, flac_format(), fragment=16384)
    play(dsp, stream)
    check_faultless(dsp, stream, path.read_bytes())
    assert difference(decode(dsp.record().wav, 2), decode(path, 2)) == 0


def test_flac_with_large_picture(dsp: Dsp, media: Media, tmp_path: Path) -> None:
    """Metadata of many fragments precedes the first frame."""
    path = tmp_path / "picture.flac"
    path.write_bytes(media("tone.flac").read_bytes())
    picture = tmp_path / "noise.jpg"
    picture.write_bytes(np.random.default_rng(1).bytes(300_000))
    subprocess.run(["metaflac", f"--import-picture-from=3|image/jpeg||1x1x24|{picture}", path], check=True)
    stream = Stream(dsp, path.read_bytes(), Codec.FLAC, flac_format())
    play(dsp, stream)
    check_faultless(dsp, stream, path.read_bytes())
    assert difference(decode(dsp.record().wav, 2), decode(path, 2)) == 0


@pytest.mark.parametrize(("codec", "fragment"), [("mp3", 1000), ("mp3", 417), ("flac", 1001)])
def test_any_size_of_write(dsp: Dsp, media: Media, codec: str, fragment: int) -> None:
    path = media(f"tone.{codec}", options=BARE_MP3 if codec == "mp3" else ())
    stream = Stream(dsp, path.read_bytes(), fragment=fragment, fragments=8)
    if codec == "flac":
        stream.codec, stream.format = Codec.FLAC, flac_format()
    play(dsp, stream)
    check_faultless(dsp, stream, path.read_bytes())
    assert difference(decode(dsp.record().wav, 2), decode(path, 2)) <= (2 if codec == "mp3" else 0)


def noise(frames: int, channels: int, bits: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    limit = 1 << (bits - 1)
    return np.random.default_rng(7).integers(-limit, limit, (frames, channels))


@pytest.mark.parametrize(
    ("rate", "channels", "bits"), [(48000, 2, 16), (44100, 1, 16), (96000, 2, 24), (48000, 8, 16)]
)
def test_pcm(dsp: Dsp, rate: int, channels: int, bits: int) -> None:
    """Played by periods; the last one is whole, and what the driver sends after the end is not heard."""
    samples = noise(rate, channels, bits)
    # 24 bits come as SNDRV_PCM_FORMAT_S24_LE, the fourth byte being anything
    data = (
        samples.astype("<i2").tobytes()
        if bits == 16
        else (samples & 0xFFFFFF | 0x5A << 24).astype("<u4").tobytes()
    )
    period = len(data) // 40
    stream = PcmStream(dsp, data, format=pcm_format(rate, channels, bits), fragment=period)
    duration = play(dsp, stream)
    assert abs(duration - S) <= 1000
    record = dsp.record()
    assert difference(decode(record.wav, channels, bits), samples) == 0
    facts = record.json
    assert (facts["codec"], facts["error"], facts["underruns"], facts["drained"]) == ("pcm", None, 0, True)
    # each period is done when it has been rendered
    times = [time - stream.done[0][0] for time, _, _ in stream.done]
    assert all(abs(time - number * S // 40) <= 30_000 for number, time in enumerate(times))


def test_pcm_hardly_late_is_no_underrun(dsp: Dsp) -> None:
    """A period that comes within a port's own buffering is rendered as if it had been in time: no drift."""
    data = noise(48000, 2, 16).astype("<i2").tobytes()
    stream = PcmStream(
        dsp, data, format=pcm_format(), fragment=4800, delay=lambda number: 5 * MS if number % 3 == 1 else 0
    )
    duration = play(dsp, stream)
    assert abs(duration - S) <= 6 * MS
    assert dsp.record().json["underruns"] == 0


@pytest.mark.parametrize("ppm", [-100000, -50, 50, 100000])
def test_clock_skew(start: Callable[..., Dsp], flac: Path, ppm: int) -> None:
    dsp = start("--skew-ppm", str(ppm))
    duration = play(dsp, Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()))
    assert abs(duration - 12 * S * 1_000_000 // (1_000_000 + ppm)) <= 1000


def test_positions(dsp: Dsp, flac: Path) -> None:
    """Every 100 ms of playing, at the right time, with what the decoder has not taken yet."""
    play(dsp, Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()))
    record = dsp.record()
    (run,) = record.events("run")
    positions = record.events("position")
    assert [event["frames"] for event in positions] == [4410 * number for number in range(1, 121)]
    for event in positions:
        assert abs(event["t_us"] - run["t_us"] - event["frames"] * 1_000_000 // 44100) <= 1
        assert event["session_us"] == event["frames"] * 1_000_000 // 44100
        assert 0 <= event["ring_bytes"] <= 8192


def test_decoder_runs_ahead_by_less_than_a_second(dsp: Dsp, mp3: Path) -> None:
    """WRITE_DONE comes when the decoder has used a fragment up: at most the FIFO before it is heard."""
    stream = Stream(dsp, mp3.read_bytes())
    started = dsp.now
    duration = play(dsp, stream)
    for number, (time, _, _) in enumerate(stream.done, 1):
        heard = duration * min(number * stream.fragment, len(stream.data)) / len(stream.data)
        assert -1 * S < time - started - heard < 0.1 * S


def test_wakes_up_seldom(dsp: Dsp, flac: Path) -> None:
    """The clock is asked for few deadlines: the DSP sleeps between positions and refills."""
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    stream.start()
    dsp.settle()
    wakes = 0
    while not stream.eos_times:
        dsp.step(dsp.now + 600 * S)
        dsp.settle()
        wakes += 1
    assert wakes <= 12 * 20


def test_recording_is_complete_while_playing_on(dsp: Dsp, media: Media) -> None:
    """After each EOS the files can be read, though the stream is open."""
    path = media("short.flac", seconds=1)
    Stream(dsp, path.read_bytes(), Codec.FLAC, flac_format()).open().play()
    record = dsp.record()
    assert difference(decode(record.wav, 2), decode(path, 2)) == 0
    assert record.input == path.read_bytes()
    assert record.json["closed_us"] is None and record.json["state"] == "ended"
    assert json.loads((record.folder / "stream.json").read_text())["eos_rendered_us"] is not None
