# SPDX-License-Identifier: MIT
"""The compress device itself, without PipeWire: write, pause, drain, timestamps."""

import pytest
from support.compress import assert_good, by_name

from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature("dsp-record")


@pytest.mark.parametrize("name", ["plain.mp3", "plain.flac"])
def test_write_and_drain(bare, compress_client, recorded, name):
    file, arguments = bare(name, seconds=4)
    events = compress_client("play", *arguments)
    assert by_name(events, "drained")[0]["copied_total"] == len(file.payload)
    assert_good(file, recorded())


def test_a_drain_that_comes_when_nothing_is_left(bare, compress_client, recorded):
    """The last write is done when DRAIN comes: the driver must send EOS itself."""
    file, arguments = bare("short.mp3", seconds=1)
    compress_client("play", "--drain-delay", 3000, *arguments)
    verdict = judge(file, recorded())
    assert verdict.bytes_identical and verdict.drained
    assert verdict.frames_rendered == verdict.frames_expected and verdict.pcm_max_diff <= 2
    assert verdict.underruns == 1, "waiting for the drain, the DSP must have run dry"


def test_less_than_one_fragment(bare, compress_client, recorded):
    file, arguments = bare("tiny.mp3", seconds=0.2)
    assert len(file.payload) < 8192
    compress_client("play", *arguments)
    assert_good(file, recorded())


def test_pause(bare, compress_client, recorded):
    """The client fails if the device takes data meanwhile; all the rest must arrive afterwards."""
    file, arguments = bare("pause.mp3", seconds=6)
    events = compress_client("pause", "--pause-ms", 1500, *arguments)
    (pause,), (resume,) = by_name(events, "pause"), by_name(events, "resume")
    assert resume["t_us"] - pause["t_us"] >= 1_500_000
    records = recorded()
    assert_good(file, records)
    assert records[0].playing_s == pytest.approx(len(file.pcm) / file.rate + 1.5, abs=0.2)


def test_timestamps(bare, compress_client, recorded):
    file, arguments = bare("tstamp.mp3", seconds=5)
    events = compress_client("play", "--tstamp-interval", 100, *arguments)
    copied = [event["copied_total"] for event in by_name(events, "tstamp")]
    assert len(copied) > 20
    assert copied == sorted(copied)
    assert len(set(copied)) > 5
    assert by_name(events, "drained")[0]["copied_total"] == len(file.payload)


def test_stop_without_drain_loses_the_tail(bare, compress_client, recorded):
    """The counterpart of the drain test: it can fail."""
    file, arguments = bare("stop.mp3", seconds=5)
    compress_client("play", "--no-drain", *arguments)
    verdict = judge(file, recorded())
    assert verdict.drained is False
    assert verdict.frames_rendered < verdict.frames_expected


def test_twelve_seconds_take_twelve_seconds(bare, compress_client, recorded):
    """In the board's time, by the DSP's clock and by the client's."""
    file, arguments = bare("twelve.mp3", seconds=12)
    events = compress_client("play", *arguments)
    (start,), (drained,) = by_name(events, "start"), by_name(events, "drained")
    assert (drained["t_us"] - start["t_us"]) / 1e6 == pytest.approx(12, abs=0.2)
    (record,) = recorded()
    assert record.playing_s == pytest.approx(12, abs=0.2)
    positions = [event for event in record.events if event["event"] == "position"]
    for event in positions[5:]:
        played_s = (event["t_us"] - record.stream["run_us"]) / 1e6
        assert event["frames"] / file.rate == pytest.approx(played_s, abs=0.2)
