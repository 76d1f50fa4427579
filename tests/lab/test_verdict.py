# SPDX-License-Identifier: MIT
import json

import numpy as np
import pytest
from support.media import make
from support.records import faultless

from lab.playback import media
from lab.playback.record import Record, RecordError
from lab.playback.verdict import judge

FIELDS = [
    "file", "codec", "rate", "channels", "bytes_sent", "bytes_received", "bytes_identical", "frames_expected",
    "frames_rendered", "pcm_identical", "pcm_max_diff", "drained", "duration_s", "underruns", "error",
]  # fmt: skip


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    return media.read(make(tmp_path_factory.mktemp("mp3") / "a.mp3"))


@pytest.fixture(scope="module")
def flac(tmp_path_factory):
    return media.read(make(tmp_path_factory.mktemp("flac") / "a.flac", bits=24, rate=48000))


@pytest.fixture(params=["mp3", "flac"])
def file(request):
    return request.getfixturevalue(request.param)


def test_good(file, tmp_path):
    verdict = judge(file, [faultless(tmp_path / "0001", file)])
    assert verdict.good and verdict.error is None
    assert verdict.bytes_sent == verdict.bytes_received == len(file.payload)
    assert verdict.frames_expected == verdict.frames_rendered == len(file.pcm)
    assert verdict.bytes_identical is True and verdict.pcm_identical is True and verdict.drained is True
    assert (verdict.pcm_max_diff, verdict.underruns) == (0, 0)
    assert verdict.duration_s == pytest.approx(len(file.pcm) / file.rate, abs=1e-5)


def test_json_has_exactly_the_fields(file, tmp_path):
    verdict = judge(file, [faultless(tmp_path / "0001", file)])
    assert list(json.loads(json.dumps(verdict.as_json()))) == FIELDS


def test_one_byte(file, tmp_path):
    received = bytearray(file.payload)
    received[12345] ^= 1
    verdict = judge(file, [faultless(tmp_path / "0001", file, received=bytes(received))])
    assert verdict.bytes_identical is False
    assert "1 of" in verdict.error and "first at 12345" in verdict.error


def test_two_bytes_swapped(file, tmp_path):
    payload = file.payload
    at = next(n for n in range(5000, len(payload)) if payload[n] != payload[n + 1])
    received = payload[:at] + payload[at + 1 : at + 2] + payload[at : at + 1] + payload[at + 2 :]
    verdict = judge(file, [faultless(tmp_path / "0001", file, received=received)])
    assert not verdict.bytes_identical and f"first at {at}" in verdict.error


@pytest.mark.parametrize("received", [lambda p: p[:-1], lambda p: p + b"\0", lambda p: b""])
def test_bytes_missing_or_added(file, tmp_path, received):
    verdict = judge(file, [faultless(tmp_path / "0001", file, received=received(file.payload))])
    assert not verdict.bytes_identical and "received" in verdict.error


def test_rounding_is_good_for_mp3_only(mp3, flac, tmp_path):
    for file in (mp3, flac):
        noise = np.random.default_rng(1).integers(-2, 3, file.pcm.shape)
        pcm = np.clip(file.pcm + noise, -(2 ** (file.bits - 1)), 2 ** (file.bits - 1) - 1)
        verdict = judge(file, [faultless(tmp_path / file.codec, file, pcm=pcm)])
        assert verdict.pcm_identical is False
        assert verdict.pcm_max_diff == (2 if file is mp3 else 2 / 256)
        assert verdict.good == (file is mp3)


def test_three_steps_are_too_many(mp3, tmp_path):
    pcm = mp3.pcm.copy()
    pcm[1000, 0] += 3
    verdict = judge(mp3, [faultless(tmp_path / "0001", mp3, pcm=pcm)])
    assert verdict.pcm_max_diff == 3 and "up to 3 steps" in verdict.error


@pytest.mark.parametrize("frames", [1, 37, 1152, 4000])
@pytest.mark.parametrize("late", [True, False])
def test_shifted(file, tmp_path, frames, late):
    pad = np.zeros((frames, file.channels), np.int32)
    pcm = np.concatenate([pad, file.pcm[:-frames]] if late else [file.pcm[frames:], pad])
    verdict = judge(file, [faultless(tmp_path / "0001", file, pcm=pcm)])
    assert not verdict.pcm_identical
    assert verdict.error == f"the rendered PCM is shifted by {frames if late else -frames} frames"


def test_a_decoder_may_trim_the_encoders_delay(mp3, tmp_path):
    verdict = judge(mp3, [faultless(tmp_path / "0001", mp3, pcm=mp3.pcm[mp3.encoder_delay :])])
    assert verdict.good and verdict.pcm_identical
    assert verdict.frames_rendered == verdict.frames_expected - 1105


def test_frames_missing_at_the_end(file, tmp_path):
    verdict = judge(file, [faultless(tmp_path / "0001", file, pcm=file.pcm[:-100])])
    assert not verdict.pcm_identical
    assert verdict.error == f"the DSP rendered {len(file.pcm) - 100} frames of {len(file.pcm)}"


def test_a_hole_in_the_middle(file, tmp_path):
    pcm = file.pcm.copy()
    pcm[50_000:51_000] = 0
    verdict = judge(file, [faultless(tmp_path / "0001", file, pcm=pcm)])
    assert not verdict.good and verdict.pcm_max_diff > 100


def test_garbled(file, tmp_path):
    pcm = np.random.default_rng(2).integers(-20000, 20000, file.pcm.shape).astype(np.int32)
    verdict = judge(file, [faultless(tmp_path / "0001", file, pcm=pcm)])
    assert not verdict.good and not verdict.pcm_identical


def test_channels_swapped(file, tmp_path):
    verdict = judge(file, [faultless(tmp_path / "0001", file, pcm=file.pcm[:, ::-1])])
    assert not verdict.good


def test_silence(file, tmp_path):
    verdict = judge(file, [faultless(tmp_path / "0001", file, pcm=np.zeros_like(file.pcm))])
    assert not verdict.good


def test_nothing_rendered(file, tmp_path):
    record = faultless(tmp_path / "0001", file, frames_rendered=0)
    (record.folder / "rendered.wav").unlink()
    verdict = judge(file, [record])
    assert verdict.error == "the DSP rendered nothing"
    assert verdict.pcm_max_diff is None and verdict.pcm_identical is False


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"drained": False, "eos_rendered_us": None}, "before they were rendered"),
        ({"underruns": 2}, "ran dry 2 times"),
        ({"error": "lost sync"}, "the DSP reports: lost sync"),
        ({"codec": "pcm"}, "told to decode pcm"),
        ({"rate": 8000}, "told 8000 Hz"),
    ],
)
def test_what_the_dsp_says(file, tmp_path, facts, error):
    assert error in judge(file, [faultless(tmp_path / "0001", file, **facts)]).error


def test_a_board_without_a_record_answers_null(file):
    verdict = judge(file, None, client_s=3.1)
    assert verdict.good and verdict.duration_s == 3.1
    unknown = (
        verdict.bytes_received, verdict.bytes_identical, verdict.frames_rendered, verdict.pcm_identical,
        verdict.pcm_max_diff, verdict.drained, verdict.underruns,
    )  # fmt: skip
    assert unknown == (None,) * 7


@pytest.mark.parametrize("count", [0, 2])
def test_not_one_stream(file, tmp_path, count):
    records = [faultless(tmp_path / str(number), file) for number in range(count)]
    assert "not one" in judge(file, records).error


def test_the_players_error_comes_first(file, tmp_path):
    assert judge(file, [], player_error="pw-cat died").error == "pw-cat died"
    assert judge(file, None, player_error="pw-cat died").error == "pw-cat died"


def test_half_a_record(tmp_path):
    (tmp_path / "stream.json").write_text("{")
    with pytest.raises(RecordError, match="cannot be read"):
        Record.load(tmp_path)


def told(folder, mp3, start, end, pcm):
    """The record of a DSP that was told to drop samples at either end."""
    record = faultless(folder, mp3, pcm=pcm)
    for where, samples in (("initial", start), ("trailing", end)):
        record.events.append(
            {"t_us": 1_500_000, "event": "silence", "where": where, "samples": samples, "applied": True}
        )
    return record


def test_edges_that_the_dsp_was_told_to_drop(mp3, tmp_path):
    start, end = mp3.encoder_delay, mp3.encoder_padding
    assert start and end
    cut = mp3.pcm[start : len(mp3.pcm) - end]
    verdict = judge(mp3, [told(tmp_path / "0001", mp3, start, end, cut)])
    assert verdict.good and verdict.pcm_identical
    assert verdict.frames_rendered == verdict.frames_expected == len(cut)
    verdict = judge(mp3, [told(tmp_path / "0002", mp3, start, end, mp3.pcm)])
    assert not verdict.good


def test_edges_that_are_not_the_files(mp3, tmp_path):
    start, end = mp3.encoder_delay, mp3.encoder_padding + 1
    cut = mp3.pcm[start : len(mp3.pcm) - end]
    verdict = judge(mp3, [told(tmp_path / "0001", mp3, start, end, cut)])
    assert verdict.error and "was told to drop" in verdict.error
