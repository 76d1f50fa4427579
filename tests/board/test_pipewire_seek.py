# SPDX-License-Identifier: MIT
"""Seeking in what PipeWire's compressed-offload sink plays: what was sent before is not heard anymore."""

import itertools

import pytest
from support.media import make
from support.seeking import CBR_128K, parts_of

from lab.playback import media

pytestmark = pytest.mark.lg_feature("dsp-record")

#: The cursor keys, which go ten seconds back or forth.
BACK, FORTH = r"printf '\033[D' >&4", r"printf '\033[C' >&4"
KEYS = ("--keys",)


@pytest.fixture
def parts(perform, recorded, tmp_path):
    """Plays an MP3 of 40 s; per stream of the DSP: the time in the file at which it starts, and its end."""

    def parts(steps):
        path = make(tmp_path / "a.mp3", seconds=40, options=CBR_128K)
        payload = media.read(path).payload
        outcome = perform(path, steps, KEYS)
        assert outcome.playback.error is None
        return parts_of(payload, recorded())

    return parts


def test_forth(parts):
    """The player has sent 20 s already."""
    before, after = parts(f"sleep 3; {FORTH}")
    assert before[0] == 0
    assert after[0] == pytest.approx(13, abs=0.5)
    assert len(before[2].rendered) / 44100 == pytest.approx(3, abs=0.5)
    assert len(after[2].rendered) / 44100 == pytest.approx(40 - 13, abs=0.6)


def test_back_and_forth(parts):
    found = parts(f"sleep 12; {BACK}; sleep 2; {FORTH}; sleep 3; {BACK}; sleep 1; {FORTH}; sleep 1; {FORTH}")
    starts = [start for start, _, _ in found]
    assert starts == pytest.approx([0, 2, 14, 7, 18, 29], abs=1)
    for one, two in itertools.pairwise(found):
        assert one[2].stream["closed_us"] <= two[2].stream["opened_us"]


def test_back_while_draining(parts):
    """The player has sent all and waits for its end, which does not come yet."""
    before, after = parts(f"sleep 35; {BACK}")
    assert before[1] == pytest.approx(35, abs=1.2)
    assert after[0] == pytest.approx(25, abs=1)
    assert len(after[2].rendered) / 44100 == pytest.approx(15, abs=1)


def test_while_paused(parts):
    before, after = parts(f"sleep 3; printf ' ' >&4; sleep 2; {FORTH}; sleep 2; printf ' ' >&4")
    assert after[0] == pytest.approx(13, abs=0.5)
    # The device may be heard for some milliseconds before it learns that this is not wanted.
    assert len(before[2].rendered) / 44100 == pytest.approx(3, abs=0.5)
