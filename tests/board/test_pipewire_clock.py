# SPDX-License-Identifier: MIT
"""The graph's clock is the DSP's, whose crystal is not the CPU's: pw_time against what was rendered."""

import os
import re

import numpy as np
import pytest
from support.media import make

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])

#: What pw-cat --verbose prints every second.
STREAM_TIME = re.compile(r"stream time: now:(\d+) rate:(\d+)/(\d+) ticks:(\d+)")
#: Seconds after which the clock must have found the DSP's pace, and by how much it may be wrong then.
SETTLED_S, ERROR_S = 10, 0.001


@pytest.fixture
def skew(control):
    """Makes the DSP's clock wrong by so many millionths, until the test ends."""
    yield lambda ppm: control.order(f"skew {ppm}")
    control.order("skew 0")


@pytest.fixture
def errors(perform, tmp_path):
    """Plays for *seconds*; how far pw_time was from the DSP each second, and how far the CPU's clock was.

    Both in seconds, apart from a constant: where the clock starts means nothing.
    """

    def errors(seconds, *options, **encoding):
        path = make(tmp_path / "a.mp3", seconds=seconds, **encoding)
        outcome = perform(path, options=("--verbose", *options))
        assert outcome.verdict.error is None
        record = outcome.record
        times = [match.groups() for match in STREAM_TIME.finditer(outcome.playback.messages)]
        now, _, rate, ticks = np.array(times, np.float64).T
        positions = [event for event in record.events if event["event"] == "position"]
        at = np.array([event["t_us"] for event in positions]) / 1e6
        frames = np.array([event["frames"] for event in positions]) / record.stream["rate"]
        _, first = np.unique(now, return_index=True)
        now, ticks = now[first] / 1e9, ticks[first] / rate[first]
        played = (now >= at[0]) & (now <= at[-1])
        now, ticks = now[played], ticks[played]
        rendered = np.interp(now, at, frames)
        settled = now >= at[0] + SETTLED_S
        assert settled.sum() >= 10
        clock, cpu = (ticks - rendered)[settled], (now - rendered)[settled]
        return clock - clock.mean(), cpu - cpu.mean()

    return errors


@pytest.mark.parametrize("ppm", [-500, 0, 500])
def test_pw_time_follows_the_dsp(skew, errors, ppm):
    skew(ppm)
    clock, cpu = errors(40, "--latency=100ms")
    assert np.abs(clock).max() <= ERROR_S
    if ppm:
        assert np.ptp(cpu) > 5 * ERROR_S, "the clocks must have drifted apart"


@pytest.mark.skipif(
    "OFFLOAD_LONG" not in os.environ, reason="takes three minutes: enable it with OFFLOAD_LONG=1"
)
def test_ten_minutes_without_drift(skew, errors):
    skew(500)
    clock, cpu = errors(600, "--latency=100ms", rate=16000, channels=1, options=("-b:a", "24k"))
    assert np.abs(clock).max() <= ERROR_S
    assert np.ptp(cpu) > 0.2
