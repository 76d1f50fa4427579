# SPDX-License-Identifier: MIT
"""The audio part of the DSP's firmware restarts, as after a crash: the card goes, comes back, and plays."""

import pytest
from support.media import make
from support.pipewire import COMPRESS_SINK, sinks
from support.waiting import wait_for

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])


def test_the_card_comes_back_and_plays(control, remote, play, tmp_path):
    """The kernel's log tells that the card was gone: it may be back before we can look."""
    node = sinks(remote)[COMPRESS_SINK]
    before = remote.run_check("stat -c %W-%Y-%i /dev/snd/comprC0D3")
    assert control.order("pd-restart")["ok"]
    wait_for(lambda: remote.run("stat -c %W-%Y-%i /dev/snd/comprC0D3").text not in (before, ""))
    wait_for(lambda: control.order("status")["audio_domain"] == "up")
    wait_for(lambda: sinks(remote).get(COMPRESS_SINK, node) != node)
    for name in ("again.mp3", "again.flac"):
        assert play(make(tmp_path / name, seconds=2)).verdict.error is None
