# SPDX-License-Identifier: MIT
"""The graph's clock is the DSP's, whose crystal is not the CPU's: pw_time against what was rendered."""

import os

import numpy as np
import pytest
from support.media import make

from lab.playback.clock import clock_errors

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])

#: Seconds by which the clock may be wrong.
ERROR_S = 0.001


@pytest.fixture
def skew(control):
    """Makes the DSP's clock wrong by so many millionths, until the test ends."""
    yield lambda ppm: control.order(f"skew {ppm}")
    control.order("skew 0")


@pytest.fixture
def errors(perform, tmp_path):
    """Plays for *seconds*, and compares clocks."""

    def errors(seconds, *options, **encoding):
        path = make(tmp_path / "a.mp3", seconds=seconds, **encoding)
        outcome = perform(path, options=("--verbose", *options))
        assert outcome.verdict.error is None
        return clock_errors(outcome.playback.messages, outcome.record)

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
