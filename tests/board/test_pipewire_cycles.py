# SPDX-License-Identifier: MIT
"""Many starts, stops, pauses and seeks leave nothing behind in PipeWire's daemon."""

import os

import pytest
from support.media import make
from support.pipewire import ENVIRONMENT, held
from support.waiting import wait_for

pytestmark = pytest.mark.lg_feature("dsp-record")

#: Kilobytes by which the daemon may grow in a test: a leak of 5 kB per cycle, or of one buffer, is more.
GROWTH_KB = 1000
#: 200 players take the virtual board several minutes; in CI it starts and stops the device itself so often.
PLAYERS = 200 if "OFFLOAD_LONG" in os.environ else 20


@pytest.fixture
def nothing_is_left(remote, play, tmp_path):
    """The daemon has as many files and threads open as before the test, and hardly more memory."""
    assert play(make(tmp_path / "before.mp3", seconds=3)).verdict.error is None
    before = held(remote)
    yield
    assert play(make(tmp_path / "after.mp3", seconds=3)).verdict.error is None
    # A thread ends after it has closed the device.
    wait_for(lambda: held(remote)[:2] == before[:2])
    after = held(remote)
    print(f"before: {before}, after: {after}")
    assert after.rss_kb - before.rss_kb < GROWTH_KB


@pytest.mark.usefixtures("nothing_is_left")
def test_starts_and_stops(remote, recorded, tmp_path):
    """Players that are killed while they play, sooner or later."""
    remote.put(make(tmp_path / "a.mp3", seconds=20), "/tmp/cycle.mp3")
    one = "timeout -s INT 0.$((3 + i % 5)) pw-cat --playback --encoded /tmp/cycle.mp3"
    command = f"export {ENVIRONMENT}; for i in $(seq {PLAYERS}); do {one}; done; true"
    remote.run_check(command, timeout=500)
    assert len(recorded()) >= PLAYERS * 0.8, "hardly a player came to play"


@pytest.mark.usefixtures("nothing_is_left")
def test_a_hundred_pauses(perform, tmp_path):
    """All of the file is heard nevertheless."""
    steps = "sleep 0.5; for i in $(seq 200); do printf ' ' >&4; sleep 0.05; done"
    verdict = perform(make(tmp_path / "a.mp3", seconds=12), steps, ("--keys",)).verdict
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained and verdict.underruns == 0
    assert verdict.frames_rendered == verdict.frames_expected


@pytest.mark.usefixtures("nothing_is_left")
def test_seeks(perform, tmp_path):
    """Forth, and back in a pause: each opens the device anew."""
    keys = r"printf '\033[C' >&4; sleep 0.1; printf ' \033[D ' >&4; sleep 0.1"
    steps = f"sleep 1; for i in $(seq 10); do {keys}; done; kill -INT $player"
    perform(make(tmp_path / "a.mp3", seconds=60), steps, ("--keys",))
