# SPDX-License-Identifier: MIT
"""What goes wrong between the lab and the board, or on the board itself, while a file is played: it is told
in one sentence, nothing is left behind, and the next file plays right.
"""

import contextlib

import pytest
from support.media import make
from support.waiting import wait_for

from lab.drivers.remote import RemoteDriver

pytestmark = pytest.mark.lg_feature("dsp-record")


@pytest.fixture
def reconnected(target, remote):
    """The driver on a new link, where the old one is cut."""

    def reconnected():
        target.deactivate(remote)
        return target.get_driver(RemoteDriver)

    return reconnected


@pytest.fixture
def full(remote):
    """A file system of the board has no room for the block."""

    @contextlib.contextmanager
    def full(path):
        if remote.run_check(f"stat -f -c %T {path}").strip() != "tmpfs":
            pytest.skip(f"{path} is no tmpfs on this board, whose size could be changed")
        used = remote.run_check(f"df -k --output=used {path} | tail -n1").strip()
        remote.run_check(f"mount -o remount,size={int(used) + 64}k {path}")
        try:
            yield
        finally:
            remote.run_check(f"mount -o remount,size=50% {path}")

    return full


@pytest.fixture
def next_plays(play, tmp_path):
    def next_plays():
        verdict = play(make(tmp_path / "next.mp3", seconds=3)).verdict
        assert verdict.error is None
        assert verdict.bytes_identical and verdict.drained and verdict.underruns == 0

    return next_plays


def test_the_link_is_cut(perform, remote, reconnected, next_plays, tmp_path):
    """The server's process for our connection dies; the player ends, for its standard input is gone."""
    # The shell that runs the steps is a grandchild of it.
    steps = r"sleep 2; kill -9 $(sed 's/.*) . \([0-9]*\).*/\1/' /proc/$$/stat)"
    outcome = perform(make(tmp_path / "a.mp3", seconds=60), steps)
    assert outcome.verdict.error.startswith("the link to the board broke")
    remote = reconnected()
    wait_for(lambda: remote.run("pidof pw-cat").code == 1)
    next_plays()


def test_the_boards_disk_is_full(perform, full, next_plays, tmp_path):
    path = make(tmp_path / "a.mp3", seconds=20)
    with full("/tmp"):
        outcome = perform(path)
    assert outcome.verdict.error == "copying /tmp/lab-play.mp3 on the board failed: its disk may be full"
    next_plays()


@pytest.fixture
def half_a_record(remote, dsp):
    """A record that cannot be ended says for ever that its stream is open; others wait for that."""
    known = dsp.streams()
    yield
    for stream in {*dsp.streams()} - {*known}:
        remote.run_check(f"rm -r {dsp.folder}/{stream}")


def test_the_dsps_disk_is_full(perform, full, half_a_record, next_plays, tmp_path):
    """The model keeps its records in memory. Where there is no room for them it plays on all the same."""
    path = make(tmp_path / "a.mp3", seconds=20)
    with full("/run"):
        outcome = perform(path)
    assert outcome.playback.error is None
    assert outcome.verdict.error, "a record that is not whole passes for one"
    next_plays()


def test_the_console_is_flooded(perform, next_plays, tmp_path):
    """Faster than anybody reads."""
    flood = "sleep 1; dd if=/dev/zero bs=64k count=10 2>/dev/null | tr '\\0' x | fold -w 99 >/dev/console"
    outcome = perform(make(tmp_path / "a.mp3", seconds=20), flood)
    verdict = outcome.verdict
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.underruns == 0
    next_plays()
