# SPDX-License-Identifier: MIT
"""Offload is for sleeping: how often what plays an MP3 wakes up, unless somebody needs it more often."""

import pytest
from support.media import make

pytestmark = pytest.mark.lg_feature("dsp-record")


@pytest.fixture
def wakeups(perform, tmp_path):
    """Plays an MP3 of 128 kbit/s; wake-ups a second of PipeWire, WirePlumber and the player together."""

    def wakeups(seconds, *options):
        outcome = perform(
            make(tmp_path / "a.mp3", seconds=seconds, options=("-b:a", "128k")), options=options
        )
        assert outcome.verdict.error is None
        assert outcome.verdict.bytes_identical and outcome.verdict.underruns == 0
        samples = outcome.playback.samples
        started = samples[0].uptime_s
        steady = [sample for sample in samples if 3 <= sample.uptime_s - started <= seconds - 3]
        first, last = steady[0], steady[-1]
        return (last.wakeups - first.wakeups) / (last.uptime_s - first.uptime_s)

    return wakeups


def test_once_a_second_at_most(wakeups):
    assert 0 < wakeups(60) <= 1


def test_latency_stays_selectable(wakeups):
    assert wakeups(10, "--latency=20ms") >= 50
