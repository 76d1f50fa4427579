# SPDX-License-Identifier: MIT
"""The codecs beside MP3 and FLAC: the driver's format block, packets cut anywhere, PCM as libavcodec's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.playback import media as files
from lab.playback.media import Media
from lab.playback.record import Record
from lab.playback.verdict import TOLERANCE, compare_pcm
from tests.dsp.driver import MS, Codec, Dsp, Op, Status, Stream, open_payload
from tests.support import codec_params
from tests.support.media import make
from tests.support.samples import sample

CODECS = {"wma9": Codec.WMA9, "wma10": Codec.WMA10, "alac": Codec.ALAC, "ape": Codec.APE, "aac": Codec.AAC}

Make = Callable[..., Media]

ALAC = ("-c:a", "alac")
#: without noise substitution, which each decoder makes of its own random numbers
AAC = ("-c:a", "aac", "-b:a", "128k", "-aac_pns", "0")
WMA = ("-c:a", "wmav2", "-b:a", "128k")


@pytest.fixture(scope="module")
def encode(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes files, each only once."""
    made: dict[str, Media] = {}

    def encode(name: str, **options: Any) -> Media:
        key = repr((name, options))
        if key not in made:
            made[key] = files.read(make(tmp_path_factory.mktemp("encoded") / name, **options))
        return made[key]

    return encode


def stream_of(dsp: Dsp, media: Media, data: bytes | None = None, **options: Any) -> Stream:
    return Stream(
        dsp,
        media.payload if data is None else data,
        CODECS[codec_params.dsp_codec(media)],
        codec_params.payload(media),
        **options,
    )


def play(dsp: Dsp, media: Media, data: bytes | None = None, **options: Any) -> Record:
    """Plays to the end; the DSP's record."""
    stream = stream_of(dsp, media, data, **options).open()
    stream.play()
    stream.close()
    return Record.load(dsp.record().folder)


def check(media: Media, record: Record) -> None:
    """All of it arrived and was rendered right."""
    assert record.stream["error"] is None
    assert record.stream["drained"] and record.stream["underruns"] == 0
    assert record.received == media.payload
    assert record.stream["format"] == codec_params.block(media)
    assert (record.stream["rate"], record.stream["channels"]) == (media.rate, media.channels)
    assert record.bits == media.bits
    comparison = compare_pcm(media, record.rendered, record.bits)
    assert comparison is not None
    assert np.abs(media.pcm).max() > 0
    assert comparison.max_diff <= TOLERANCE[media.codec]
    assert comparison.shift == 0 and len(record.rendered) == len(media.pcm)


@pytest.mark.parametrize(
    ("rate", "channels", "bits"),
    [
        (44100, 2, 16),
        (44100, 1, 16),
        (48000, 2, 24),
        (96000, 2, 24),
        (8000, 1, 16),
        (48000, 6, 16),
        (44100, 7, 24),
    ],
)
def test_alac(dsp: Dsp, encode: Make, rate: int, channels: int, bits: int) -> None:
    form = ("-sample_fmt", "s16p" if bits == 16 else "s32p")
    media = encode("a.m4a", seconds=1, rate=rate, channels=channels, options=(*ALAC, *form))
    check(media, play(dsp, media))


def test_alac_of_noise_and_silence(dsp: Dsp, tmp_path: Path) -> None:
    """What does not compress is sent as it is, and runs of silence have a code of their own."""
    options = ("-af", "volume=40dB:enable='lt(t,1)',volume=0:enable='gt(t,2)'", *ALAC, "-sample_fmt", "s16p")
    media = files.read(make(tmp_path / "a.m4a", options=options))
    check(media, play(dsp, media))


@pytest.mark.parametrize("options", [(), ("-min_prediction_order", "1", "-max_prediction_order", "30")])
def test_alac_orders(dsp: Dsp, encode: Make, options: tuple[str, ...]) -> None:
    media = encode("a.m4a", options=(*ALAC, *options))
    check(media, play(dsp, media))


@pytest.mark.parametrize(
    ("rate", "channels", "bit_rate"),
    [(44100, 2, "128k"), (48000, 1, "64k"), (22050, 2, "32k"), (16000, 1, "24k")],
)
def test_wma(dsp: Dsp, encode: Make, rate: int, channels: int, bit_rate: str) -> None:
    media = encode(
        "a.wma", seconds=1, rate=rate, channels=channels, options=("-c:a", "wmav2", "-b:a", bit_rate)
    )
    check(media, play(dsp, media))


@pytest.mark.parametrize("name", ["music.ape", "lossless.wma"])
def test_samples(dsp: Dsp, name: str) -> None:
    media = files.read(sample(name))
    check(media, play(dsp, media))


def test_wma_pro(dsp: Dsp) -> None:
    """No sample of it is in reach but silence."""
    media = files.read(sample("pro-silence.wma"))
    record = play(dsp, media)
    assert record.stream["error"] is None
    assert record.stream["format"] == codec_params.block(media)
    assert len(record.rendered) == len(media.pcm)
    assert not record.rendered.any() and not media.pcm.any()


@pytest.mark.parametrize("suffix", ["aac", "m4a"])
@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (48000, 1), (32000, 2), (8000, 1), (48000, 6)])
def test_aac(dsp: Dsp, encode: Make, suffix: str, rate: int, channels: int) -> None:
    media = encode(f"a.{suffix}", seconds=1, rate=rate, channels=channels, options=AAC)
    check(media, play(dsp, media))


@pytest.mark.parametrize("fragment", [1000, 65536])
@pytest.mark.parametrize("name", ["a.m4a", "a.wma", "a.aac", "raw.m4a", "music.ape"])
def test_writes_are_cut_anywhere(dsp: Dsp, encode: Make, name: str, fragment: int) -> None:
    if name == "music.ape":
        media = files.read(sample(name))
    else:
        options = {"a.m4a": ALAC, "a.wma": WMA}.get(name, AAC)
        media = encode(name, seconds=1, options=options)
    record = play(dsp, media, fragment=fragment, fragments=64 if fragment < 65536 else 4)
    assert record.stream["error"] is None
    assert len(record.rendered) == len(media.pcm)


@pytest.mark.parametrize("name", ["a.m4a", "a.wma", "a.aac", "raw.m4a", "music.ape"])
def test_a_short_last_fragment_is_filled_up(dsp: Dsp, encode: Make, name: str) -> None:
    """The driver sends what its memory had behind a short first write: zeros."""
    options = {"a.m4a": ALAC, "a.wma": WMA}.get(name, AAC)
    media = files.read(sample(name)) if name == "music.ape" else encode(name, seconds=1, options=options)
    data = media.payload + bytes(3000)
    record = play(dsp, media, data)
    assert record.stream["error"] is None
    assert len(record.rendered) == len(media.pcm)


@pytest.mark.parametrize("name", ["a.m4a", "a.wma", "a.aac", "raw.m4a", "music.ape"])
@pytest.mark.parametrize("kind", ["cut", "junk", "hole", "none"])
def test_damage(dsp: Dsp, encode: Make, name: str, kind: str) -> None:
    """One clear sentence, and the end is reached."""
    options = {"a.m4a": ALAC, "a.wma": WMA}.get(name, AAC)
    media = files.read(sample(name)) if name == "music.ape" else encode(name, seconds=1, options=options)
    data, middle = media.payload, len(media.payload) // 2
    junk = np.random.default_rng(3).bytes(5000)
    damaged = {
        "cut": data[: len(data) - len(media.packets[-1]) - 100],
        "junk": data[:middle] + junk + data[middle:],
        "hole": data[:middle] + bytes(5000) + data[middle + 5000 :],
        "none": junk,
    }[kind]
    record = play(dsp, media, damaged)
    error = record.stream["error"]
    assert record.stream["drained"] and record.received == damaged
    # a packet of WMA that is cut short or made of zeros is no error that libavcodec must see
    if not (media.codec == "wma" and kind in ("hole", "cut")):
        assert error and error.endswith(".")


@pytest.mark.parametrize("name", ["a.m4a", "a.wma", "a.aac", "raw.m4a", "music.ape"])
def test_flush_and_again(dsp: Dsp, encode: Make, name: str) -> None:
    """After a flush the decoder starts anew."""
    options = {"a.m4a": ALAC, "a.wma": WMA}.get(name, AAC)
    media = files.read(sample(name)) if name == "music.ape" else encode(name, seconds=1, options=options)

    stream = stream_of(dsp, media, drain=False).open()
    stream.start()
    dsp.run_for(500 * MS)
    stream.hold = stream.copied = stream.sent  # no more writes
    stream.data = b""
    assert stream.cmd(Op.FLUSH) == Status.EOK
    rendered = dsp.record().json["frames_rendered"]
    stream.again(media.payload)
    dsp.run_until(lambda: bool(stream.eos_times))
    stream.close()
    record = Record.load(dsp.record().folder)
    assert record.stream["error"] is None
    tail = record.rendered[rendered:]
    skip = 1024 if media.codec == "aac" else 0
    assert tail.shape == media.pcm.shape
    assert np.abs(tail[skip:] - media.pcm[skip:]).max() <= TOLERANCE[media.codec]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a.wma", {"block_align": 0}),
        ("a.wma", {"format_tag": 0x166}),
        ("a.m4a", {"frame_length": 0}),
        ("a.m4a", {"kb": 0}),
        ("a.m4a", {"compatible_version": 1}),
        ("a.m4a", {"channels": 0}),
        ("raw.m4a", {"rate": 44000}),
        ("raw.m4a", {"format_flag": 1}),
        ("music.ape", {"blocks_per_frame": 0}),
        ("music.ape", {"compression_level": 1234}),
    ],
)
def test_blocks_that_no_decoder_takes(
    dsp: Dsp, encode: Make, monkeypatch: pytest.MonkeyPatch, name: str, change: dict[str, int]
) -> None:
    options = {"a.m4a": ALAC, "a.wma": WMA}.get(name, AAC)
    media = files.read(sample(name)) if name == "music.ape" else encode(name, seconds=1, options=options)
    values = codec_params.block(media) | change
    monkeypatch.setattr(codec_params, "block", lambda _: values)
    stream = stream_of(dsp, media)

    assert stream.cmd(Op.OPEN_WRITE, open_payload(stream.codec)) == Status.EOK
    assert stream.cmd(Op.FORMAT, stream.format) == Status.EBADPARAM
    stream.close()
    error = dsp.record().json["error"]
    assert error == f"The media format block is not valid for {codec_params.dsp_codec(media)}."
