# SPDX-License-Identifier: MIT
"""The compress device tells what is heard: the position that it asks of the DSP."""

import pytest
from support.compress import by_name

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])

PRECISION = 0.001
"""seconds; the driver asks at most once a millisecond"""


@pytest.fixture
def control(control):
    """What a test changes of the DSP's clock is put back."""
    yield control
    control.order("no-faults")
    control.order("skew 0")


def positions(events):
    """The time stamps that tell a position."""
    stamps = [event for event in events if "pcm_io_frames" in event and event["sampling_rate"]]
    assert all(stamp["pcm_frames"] >= stamp["pcm_io_frames"] for stamp in stamps)
    return stamps


def heard(record, t_us):
    """Seconds of audio that the DSP had rendered at *t_us*; None where its record does not tell."""
    known = [e for e in record.events if "frames" in e and e["event"] != "flush"]
    before = [e for e in known if e["t_us"] <= t_us]
    after = [e for e in known if e["t_us"] > t_us]
    rate = record.stream["rate"]
    if not before or not after:
        return None
    last, follow = before[-1], after[0]
    share = (t_us - last["t_us"]) / (follow["t_us"] - last["t_us"])
    return (last["frames"] + share * (follow["frames"] - last["frames"])) / rate


def assert_monotonic(stamps):
    frames = [stamp["pcm_io_frames"] for stamp in stamps]
    assert frames == sorted(frames)


@pytest.mark.parametrize("ppm", [0, 500, -500])
def test_the_position_is_the_dsps(bare, compress_client, recorded, control, ppm):
    """By the DSP's own record, however fast its clock."""
    control.order(f"skew {ppm}")
    file, arguments = bare("position.mp3", seconds=10)
    events = compress_client("play", "--tstamp-interval", 70, *arguments)
    (record,) = recorded()
    stamps = positions(by_name(events, "tstamp"))
    assert len(stamps) > 60
    assert_monotonic(stamps)
    compared = 0
    for stamp in stamps:
        assert stamp["sampling_rate"] == file.rate
        seconds = heard(record, stamp["t_us"])
        if seconds is not None:
            compared += 1
            assert stamp["pcm_io_frames"] / file.rate == pytest.approx(seconds, abs=PRECISION)
    assert compared > 60
    (drained,) = by_name(events, "drained")
    assert drained["pcm_io_frames"] == record.stream["frames_rendered"]


def test_it_rests_in_a_pause(bare, compress_client, recorded, control):
    file, arguments = bare("pause.mp3", seconds=5)
    events = compress_client("pause", "--pause-ms", 700, "--tstamp-interval", 50, *arguments)
    (pause,), (resume,) = by_name(events, "pause"), by_name(events, "resume")
    stamps = positions(events)
    assert_monotonic(stamps)
    (record,) = recorded()
    (paused,) = (event for event in record.events if event["event"] == "pause")
    during = [s["pcm_io_frames"] for s in stamps if pause["t_us"] + 1000 < s["t_us"] <= resume["t_us"]]
    assert len(during) > 10 and set(during) == {paused["frames"]}
    (drained,) = by_name(events, "drained")
    assert drained["pcm_io_frames"] == record.stream["frames_rendered"] == len(file.pcm)


def test_it_begins_anew_after_a_stop(bare, compress_client, recorded, control):
    """On the same open device: it tells what is heard of what was written since."""
    file, arguments = bare("again.mp3", seconds=5)
    events = compress_client("restart", "--count", 2, "--after", 700, "--tstamp-interval", 50, *arguments)
    (record,) = recorded()
    *_, stop = by_name(events, "stop")
    stamps = [s for s in positions(by_name(events, "tstamp")) if s["t_us"] > stop["t_us"]]
    assert_monotonic(stamps)
    assert stamps[0]["pcm_io_frames"] / file.rate < 0.1
    *_, silence = by_name(record.events, "pause")
    compared = 0
    for stamp in stamps[2:]:
        seconds = heard(record, stamp["t_us"])
        if seconds is not None:
            compared += 1
            since = seconds - silence["frames"] / file.rate
            assert stamp["pcm_io_frames"] / file.rate == pytest.approx(since, abs=PRECISION)
    assert compared > 30


def test_it_rests_while_the_dsp_runs_dry(bare, compress_client, recorded, control):
    file, arguments = bare("dry.mp3", seconds=4)
    events = compress_client("play", "--drain-delay", 6000, "--tstamp-interval", 50, *arguments)
    stamps = positions(events)
    assert_monotonic(stamps)
    (record,) = recorded()
    (dry,) = (event for event in record.events if event["event"] == "underrun")
    (drain,) = by_name(events, "drain")
    during = [s["pcm_io_frames"] for s in stamps if dry["t_us"] + 1000 < s["t_us"] < drain["t_us"]]
    assert len(during) > 10 and set(during) == {dry["frames"]}
    (drained,) = by_name(events, "drained")
    assert drained["pcm_io_frames"] == record.stream["frames_rendered"] == len(file.pcm)


@pytest.mark.parametrize("answer", ["status:3", "lose"])
def test_firmware_that_does_not_tell(bare, compress_client, recorded, control, answer):
    """All else works, and the device does not wait for each answer that never comes."""
    control.order(f"fault session-time:1+ {answer}")
    file, arguments = bare("mute.mp3", seconds=6)
    events = compress_client("play", "--tstamp-interval", 50, *arguments)
    stamps = by_name(events, "tstamp")
    assert len(stamps) > 40
    assert {(s["sampling_rate"], s["pcm_io_frames"], s["pcm_frames"]) for s in stamps} == {(0, 0, 0)}
    assert by_name(events, "drained")[0]["copied_total"] == len(file.payload)
    (record,) = recorded()
    assert record.received == file.payload
    assert record.stream["drained"] and record.stream["underruns"] == 0
