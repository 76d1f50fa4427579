# SPDX-License-Identifier: MIT
import hashlib
import subprocess
import wave

import numpy as np
import pytest
from support.media import cover, make, with_tags

from lab.playback import media
from lab.playback.media import MediaError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def mp3(folder):
    return make(folder / "plain.mp3", options=("-b:a", "128k"))


@pytest.fixture(scope="module")
def flac(folder):
    return make(folder / "plain.flac", rate=96000, bits=24)


def ffmpeg_packets(path):
    """The packets as the ffmpeg program demuxes them: another libavformat than ours."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "data", "-"]
    return subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout


def test_mp3_packets_are_the_frames_without_tags_and_info(mp3, folder):
    tagged = media.read(with_tags(folder / "tagged.mp3", seconds=3))
    plain = media.read(mp3)
    for file in (plain, tagged):
        assert file.codec == "mp3"
        assert b"ID3" not in file.payload and b"Info" not in file.payload and b"TAG" not in file.payload
        assert file.payload == ffmpeg_packets(file.path)
        assert len(file.pcm) == 1152 * len(file.packets)
        assert file.encoder_delay == 1105  # LAME's 576 and the decoder's 529


def test_vbr_mono_48000(folder):
    file = media.read(make(folder / "vbr.mp3", rate=48000, channels=1, options=("-q:a", "4")))
    media.check(file)
    assert (file.rate, file.channels, file.bits) == (48000, 1, 16)
    assert len({len(packet) for packet in file.packets}) > 2
    assert file.pcm.shape == (1152 * len(file.packets), 1)


def test_mpeg2_frames_have_576_samples(folder):
    file = media.read(make(folder / "low.mp3", rate=22050, channels=1))
    media.check(file)
    assert len(file.pcm) == 576 * len(file.packets)


def test_flac_pcm_is_what_the_flac_program_decodes(flac, folder):
    file = media.read(flac)
    media.check(file)
    assert (file.rate, file.channels, file.bits) == (96000, 2, 24)
    raw = folder / "plain.raw"
    subprocess.run(
        ["flac", "-s", "-f", "-d", "--force-raw-format", "--endian=little", "--sign=signed", flac, "-o", raw],
        check=True,
    )
    packed = np.fromfile(raw, np.uint8).reshape(-1, 2, 3)
    padded = np.concatenate([np.zeros_like(packed[..., :1]), packed], axis=2)
    assert np.array_equal(padded.copy().view("<i4")[..., 0] >> 8, file.pcm)


def test_mp3_pcm_is_what_ffmpeg_decodes(mp3, folder):
    out = folder / "plain.wav"
    # -flags2 +skip_manual: nothing trimmed
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-flags2", "+skip_manual", "-c:a", "mp3float", "-i", mp3, out],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    with wave.open(str(out)) as decoded:
        theirs = np.frombuffer(decoded.readframes(decoded.getnframes()), "<i2").reshape(-1, 2)
    ours = media.read(mp3).pcm
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).max() <= 1
    assert np.abs(ours).max() > 1000


def spoiled(source, target, change):
    data = bytearray(source.read_bytes())
    target.write_bytes(change(data))
    return target


def cut(share):
    return lambda data: data[: int(len(data) * share)]


def overwrite(at, what):
    def change(data):
        start = int(len(data) * at)
        data[start : start + len(what)] = what
        return data

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut(0.5), "truncated"),
        (overwrite(0.5, b"\x55" * 700), "corrupt"),
        (lambda data: data[:-1], "truncated"),
    ],
)
def test_damaged_mp3(mp3, folder, change, message):
    with pytest.raises(MediaError, match=message):
        media.check(media.read(spoiled(mp3, folder / "bad.mp3", change)))


def test_mp3_cut_between_frames(mp3, folder):
    """The frames that are left are whole; only the header's count tells."""
    file = media.read(mp3)
    keep = mp3.stat().st_size - sum(map(len, file.packets[-20:]))
    with pytest.raises(MediaError, match=r"truncated \(its header announces 3\.\d+ s, it holds 2\.\d+ s"):
        media.read(spoiled(mp3, folder / "bad.mp3", lambda data: data[:keep]))


@pytest.mark.parametrize(
    ("change", "message"),
    [(cut(0.5), "truncated"), (overwrite(0.5, b"\x55"), "corrupt"), (cut(0.0005), "audio|damaged|truncated")],
)
def test_damaged_flac(flac, folder, change, message):
    with pytest.raises(MediaError, match=message):
        media.check(media.read(spoiled(flac, folder / "bad.flac", change)))


def test_what_is_no_audio(folder, tmp_path):
    (folder / "text.mp3").write_text("no audio\n")
    (folder / "empty.flac").write_bytes(b"")
    (folder / "noise.mp3").write_bytes(hashlib.shake_128(b"noise").digest(50_000))
    for name in ("text.mp3", "empty.flac", "noise.mp3"):
        with pytest.raises(MediaError, match="audio"):
            media.check(media.read(folder / name))
    with pytest.raises(MediaError, match="no audio in it"):
        media.read(cover(folder))
    with pytest.raises(MediaError, match="no such file"):
        media.read(tmp_path / "missing.mp3")
    with pytest.raises(MediaError, match="not a file"):
        media.read(tmp_path)


def test_other_codecs_are_named(folder):
    assert media.read(make(folder / "other.m4a", options=("-c:a", "aac"))).codec == "aac"
