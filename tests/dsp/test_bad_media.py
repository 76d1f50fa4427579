# SPDX-License-Identifier: MIT
"""Media that are cut, damaged or none at all: one clear sentence, the rest is played, EOS is answered."""

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.dsp.audio import Media, decode, difference
from tests.dsp.driver import Codec, Dsp, PcmStream, Stream, flac_format, pcm_format


def play(dsp: Dsp, data: bytes, codec: int) -> str | None:
    """Plays to the end; what the recording says is wrong."""
    stream = Stream(dsp, data, codec, flac_format() if codec == Codec.FLAC else b"").open()
    stream.play()
    stream.close()
    record = dsp.record()
    assert record.json["drained"]
    assert record.input == data
    assert len(stream.done) == len(stream.lengths)
    error: str | None = record.json["error"]
    assert error is None or error.endswith(".")
    return error


def mp3_frames(data: bytes) -> list[int]:
    """Offsets of the frames of MPEG-1 layer 3, 44.1 kHz."""
    rates = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    offsets = [0]
    while offsets[-1] + 4 <= len(data):
        head = struct.unpack_from(">I", data, offsets[-1])[0]
        assert head >> 20 == 0xFFF
        offsets.append(offsets[-1] + 144_000 * rates[head >> 12 & 15] // 44100 + (head >> 9 & 1))
    return offsets[:-1]


def test_truncated_mp3(dsp: Dsp, mp3: Path) -> None:
    data = mp3.read_bytes()
    frames = mp3_frames(data)
    error = play(dsp, data[: frames[100] + 200], Codec.MP3)
    assert error == "The MP3 stream ends in the middle of a frame (200 bytes left over)."
    rendered = decode(dsp.record().wav, 2)
    assert difference(rendered, decode(mp3, 2)[: 100 * 1152]) <= 2


def test_mp3_cut_between_frames_is_whole(dsp: Dsp, mp3: Path) -> None:
    data = mp3.read_bytes()
    assert play(dsp, data[: mp3_frames(data)[100]], Codec.MP3) is None
    assert dsp.record().json["frames_rendered"] == 100 * 1152


def test_one_mp3_frame(dsp: Dsp, mp3: Path) -> None:
    data = mp3.read_bytes()
    play(dsp, data[: mp3_frames(data)[2]], Codec.MP3)
    assert dsp.record().json["frames_rendered"] == 2 * 1152


def test_mp3_with_junk_in_the_middle(dsp: Dsp, mp3: Path) -> None:
    data = mp3.read_bytes()
    at = mp3_frames(data)[200]
    junk = b"this is not audio " * 200
    error = play(dsp, data[:at] + junk + data[at:], Codec.MP3)
    assert error == f"{len(junk)} bytes from byte {at} on are no MP3 frames."
    # all that is good is heard
    assert abs(dsp.record().json["frames_rendered"] - len(decode(mp3, 2))) <= 2 * 1152


def test_mp3_with_a_hole(dsp: Dsp, mp3: Path) -> None:
    data = bytearray(mp3.read_bytes())
    data[50_000:60_000] = bytes(10_000)
    error = play(dsp, bytes(data), Codec.MP3)
    assert error and "are no MP3 frames" in error
    # 10000 bytes are about 24 frames of 418 bytes
    lost = len(decode(mp3, 2)) - dsp.record().json["frames_rendered"]
    assert 20 * 1152 <= lost <= 30 * 1152


def test_mp3_with_filled_up_last_fragment(dsp: Dsp, mp3: Path) -> None:
    """The driver sends a short first write as a whole fragment, with the zeros that its memory had."""
    assert play(dsp, mp3.read_bytes() + bytes(5000), Codec.MP3) is None


def test_truncated_flac(dsp: Dsp, flac: Path) -> None:
    data = flac.read_bytes()
    error = play(dsp, data[: len(data) // 2], Codec.FLAC)
    rendered = decode(dsp.record().wav, 2)
    assert error == f"The FLAC stream ends after {len(rendered)} of {12 * 44100} samples."
    assert 5 * 44100 < len(rendered) < 7 * 44100
    assert difference(rendered, decode(flac, 2)[: len(rendered)]) == 0


def test_flac_frames_that_are_cut(dsp: Dsp, flac: Path) -> None:
    """Without a file header nobody knows how long it should be."""
    data = flac.read_bytes()
    frames = data[data.index(b"\xff\xf8") :]
    error = play(dsp, frames[:400_000], Codec.FLAC)
    assert error and error.startswith("The FLAC stream ends in the middle of a frame (")


@pytest.mark.parametrize("tail", [bytes(5000), b"TAG" + bytes(125)])
def test_flac_with_more_behind_it(dsp: Dsp, flac: Path, tail: bytes) -> None:
    """An ID3v1 tag, or what fills up the last fragment."""
    assert play(dsp, flac.read_bytes() + tail, Codec.FLAC) is None
    assert dsp.record().json["frames_rendered"] == 12 * 44100


def test_flac_with_a_damaged_frame(dsp: Dsp, flac: Path) -> None:
    data = bytearray(flac.read_bytes())
    data[400_000:400_050] = bytes(50)
    error = play(dsp, bytes(data), Codec.FLAC)
    assert error and error.startswith("The FLAC stream is corrupt after sample ")
    rendered, whole = decode(dsp.record().wav, 2), decode(flac, 2)
    assert len(whole) - 2 * 4608 <= len(rendered) <= len(whole)
    same = int(error.split("sample ")[1].split(":")[0])
    assert difference(rendered[:same], whole[:same]) == 0
    assert difference(rendered[-4 * 44100 :], whole[-4 * 44100 :]) == 0


def test_flac_with_a_hole_larger_than_any_frame(dsp: Dsp, flac: Path) -> None:
    data = bytearray(flac.read_bytes())
    data[300_000:500_000] = np.random.default_rng(5).bytes(200_000)
    error = play(dsp, bytes(data), Codec.FLAC)
    assert error and "corrupt" in error
    rendered, whole = decode(dsp.record().wav, 2), decode(flac, 2)
    assert difference(rendered[-4 * 44100 :], whole[-4 * 44100 :]) == 0


def test_flac_header_only(dsp: Dsp, flac: Path) -> None:
    error = play(dsp, flac.read_bytes()[:60], Codec.FLAC)
    assert error == f"The FLAC stream ends after 0 of {12 * 44100} samples."
    assert dsp.record().json["frames_rendered"] == 0
    assert not dsp.record().wav.exists()


@pytest.mark.parametrize("codec", [Codec.MP3, Codec.FLAC])
@pytest.mark.parametrize("size", [1, 3, 100, 8192, 300_000])
@pytest.mark.parametrize("kind", ["zeros", "noise", "text"])
def test_no_audio_at_all(dsp: Dsp, codec: int, size: int, kind: str) -> None:
    text = b"There is no audio here, and never was. "
    data = {
        "zeros": bytes(size),
        "noise": np.random.default_rng(9).bytes(size),
        "text": (text * (size // len(text) + 1))[:size],
    }[kind]
    error = play(dsp, data, codec)
    assert error


def test_mp3_as_flac(dsp: Dsp, mp3: Path) -> None:
    assert play(dsp, mp3.read_bytes(), Codec.FLAC)


def test_flac_as_mp3(dsp: Dsp, flac: Path) -> None:
    assert play(dsp, flac.read_bytes(), Codec.MP3)


def test_mp3_that_changes_its_rate(dsp: Dsp, media: Media) -> None:
    bare = ("-write_xing", "0", "-id3v2_version", "0")
    first, second = media("a.mp3", options=bare), media("b.mp3", rate=48000, options=bare)
    error = play(dsp, first.read_bytes() + second.read_bytes(), Codec.MP3)
    assert error and "changes from 44100 Hz" in error
    assert abs(dsp.record().json["frames_rendered"] - len(decode(first, 2))) <= 1152


def test_first_frame_that_is_none(dsp: Dsp, mp3: Path) -> None:
    """What looks like a frame of another format before the real ones does not silence them."""
    bogus = bytes.fromhex("fff384c4") + bytes(188)  # MPEG-2 layer 3, 24 kHz, 64 kbit/s: 192 bytes
    error = play(dsp, bogus * 3 + mp3.read_bytes(), Codec.MP3)
    assert error and "the first part is not rendered" in error
    facts = dsp.record().json
    assert facts["rate"] == 44100
    assert facts["frames_rendered"] == len(decode(mp3, 2))


def test_mp3_that_turns_mono(dsp: Dsp, media: Media) -> None:
    """The channels of the rendered file stay; the mono part is heard on both."""
    bare = ("-write_xing", "0", "-id3v2_version", "0")
    first, second = media("a.mp3", options=bare), media("mono.mp3", channels=1, options=bare)
    assert play(dsp, first.read_bytes() + second.read_bytes(), Codec.MP3) is None
    rendered = decode(dsp.record().wav, 2)
    assert abs(len(rendered) - len(decode(first, 2)) - len(decode(second, 1))) <= 1152
    assert (rendered[-44100:, 0] == rendered[-44100:, 1]).all()


def test_pcm_that_ends_in_a_frame(dsp: Dsp) -> None:
    stream = PcmStream(dsp, bytes(4 * 4801), Codec.PCM, pcm_format(), fragment=4 * 4801 - 2).open()
    stream.play()
    assert dsp.record().json["frames_rendered"] >= 4800


def test_damage_anywhere(dsp: Dsp, mp3: Path, flac: Path) -> None:
    """Bytes changed all over the file: the end is reached, in about the time that the file has."""
    for number, (path, codec) in enumerate([(mp3, Codec.MP3), (flac, Codec.FLAC)] * 3, 1):
        chance = np.random.default_rng(number)
        data = bytearray(path.read_bytes())
        for at in chance.integers(0, len(data), 60):
            data[at] ^= int(chance.integers(1, 256))
        stream = Stream(dsp, bytes(data), codec, flac_format() if codec == Codec.FLAC else b"").open()
        stream.play()
        stream.close()
        stream.unmap()
        record = dsp.record(number)
        assert record.json["drained"] and record.input == bytes(data)
        assert 6 * 44100 < record.json["frames_rendered"] < 13 * 44100
