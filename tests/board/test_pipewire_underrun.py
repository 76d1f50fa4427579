# SPDX-License-Identifier: MIT
"""A player that is too late: the graph is told that the device ran dry, and playback goes on afterwards."""

import pytest
from support.media import make

pytestmark = pytest.mark.lg_feature("dsp-record")

#: What pw-top counts for the sink while it runs, in its second report; the first one has no figures yet.
ERRORS = "pw-top -b -n 2 | grep comprC0D3 | tail -n 1"


@pytest.fixture
def late(perform, remote, tmp_path):
    """Plays a file whose player is stopped meanwhile; the verdict, and the errors counted until its end."""
    path = make(tmp_path / "a.mp3", seconds=6, options=("-b:a", "320k"))

    def late(stopped_s):
        steps = f"sleep 1; kill -STOP $player; sleep {stopped_s}; kill -CONT $player; sleep 1; {ERRORS}"
        outcome = perform(path, f"{steps} >/tmp/top", ("--latency=100ms",))
        # S ID QUANT RATE WAIT BUSY W/Q B/Q ERR FORMAT NAME
        return outcome.verdict, int(remote.run_check("cat /tmp/top").split()[8])

    return late


def test_the_graph_is_told(late):
    """Of a device that ran dry, but not of one that has taken all that there is at the start of a file."""
    results = [late(0.5), late(0.5), late(4)]
    for verdict, _ in results:
        assert verdict.bytes_identical and verdict.drained
        assert verdict.frames_rendered == verdict.frames_expected
    assert [verdict.error for verdict, _ in results] == [None, None, "the DSP ran dry 1 times"]
    first, second, third = (errors for _, errors in results)
    assert second == first
    assert third == second + 1
