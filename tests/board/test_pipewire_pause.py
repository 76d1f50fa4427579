# SPDX-License-Identifier: MIT
"""Pausing and resuming what PipeWire's compressed-offload sink plays: silence at once, and nothing lost."""

import itertools

import pytest
from support.media import make

pytestmark = pytest.mark.lg_feature("dsp-record")

#: Ctrl-Z and fg: pw-cat pauses the stream and stops itself; when it goes on, so does the stream.
PAUSE = """kill -TSTP $player
while read -r _ _ state _ </proc/$player/stat && [ $state != T ]; do sleep 0.01; done"""
RESUME = "kill -CONT $player"


def paused(moments, pause_s=0.7):
    """Steps that pause after each of *moments* (seconds of playing between two pauses)."""
    return "; ".join(f"sleep {moment}; {PAUSE}; sleep {pause_s}; {RESUME}" for moment in moments)


def silences(record, at_least_s=0.3):
    """(start, end) of each silence between RUN and the last sample, in seconds since RUN."""
    positions = [event for event in record.events if event["event"] == "position"]
    return [
        (one["t_us"] - record.stream["run_us"], two["t_us"] - record.stream["run_us"])
        for one, two in itertools.pairwise(positions)
        if two["t_us"] - one["t_us"] >= at_least_s * 1e6
    ]


def assert_whole(outcome):
    verdict = outcome.verdict
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained and verdict.underruns == 0
    assert verdict.frames_rendered == verdict.frames_expected


@pytest.mark.parametrize("moment", [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, *(n / 4 for n in range(2, 13))])
def test_pause_anywhere(perform, tmp_path, moment):
    """Before the device has its first fragment, while it fills, and when the player is done."""
    outcome = perform(make(tmp_path / "a.mp3", seconds=4), paused([moment]))
    assert_whole(outcome)


def test_pause_with_a_full_ring(perform, tmp_path):
    """The ring takes nothing more, so nothing comes in that could wake the device up."""
    outcome = perform(make(tmp_path / "a.flac", seconds=14), paused([3, 2.5]))
    assert_whole(outcome)
    assert len(silences(outcome.record)) == 2


def test_pause_while_draining(perform, tmp_path):
    """The player has sent all, the DSP has seconds to play."""
    outcome = perform(make(tmp_path / "a.mp3", seconds=5, options=("-b:a", "64k")), paused([3.5, 0.3], 2))
    assert_whole(outcome)
    assert len(silences(outcome.record)) == 2


def test_the_device_is_filled_after_many_pauses(perform, tmp_path):
    """Each time that it is resumed, the player is asked for more. What there is no room for must not wait."""
    key = "sleep 0.9; printf ' ' >&4"
    path = make(tmp_path / "a.mp3", seconds=30, options=("-b:a", "320k"))
    outcome = perform(path, "; ".join(["sleep 2", *[key] * 10]), ("--keys",))
    assert_whole(outcome)
    assert len(silences(outcome.record)) == 5


def test_a_long_pause(perform, tmp_path):
    """WirePlumber suspends sinks that are idle for some seconds, and with them goes what they hold."""
    outcome = perform(make(tmp_path / "a.mp3", seconds=5), paused([1.5], 12))
    assert_whole(outcome)
    assert len(silences(outcome.record)) == 1


def test_silence_comes_at_once(perform, tmp_path):
    outcome = perform(make(tmp_path / "a.mp3", seconds=5), paused([2], 2))
    assert_whole(outcome)
    events = [event for event in outcome.record.events if event["event"] in ("run", "pause")]
    assert [event["event"] for event in events] == ["run", "pause", "run"]
    assert outcome.record.playing_s == pytest.approx(5 + 2, abs=0.3)


def test_a_late_player(perform, remote, tmp_path):
    """A cycle waits for the player on a busy machine (here: a stopped one) as long as the device can.

    What the player has for a cycle that did not wait may be lost. That takes two CPUs at least, which the
    virtual board has not; but PipeWire counts such cycles as errors of the player.
    """
    late = "; ".join(["sleep 0.1; kill -STOP $player; sleep 0.2; kill -CONT $player"] * 10)
    errors = "pw-top -b -n 2 | grep pw-cat | tail -n 1 >/tmp/top"
    path = make(tmp_path / "a.flac", seconds=8)
    assert_whole(perform(path, f"sleep 0.5; {late}; {errors}", ("--latency=20ms",)))
    # S ID QUANT RATE WAIT BUSY W/Q B/Q ERR FORMAT NAME
    assert int(remote.run_check("cat /tmp/top").split()[8]) == 0
