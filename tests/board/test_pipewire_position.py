# SPDX-License-Identifier: MIT
"""What pw-cat says about where it is in encoded files: once a second, where somebody looks."""

import itertools
import re
import shlex

import pytest
from support.media import make
from support.seeking import CBR_128K

pytestmark = pytest.mark.lg_feature("dsp-record")

POSITION = re.compile(r"(?:(\d)/(\d) )?(\d+):(\d\d)\.(\d) / (\d+):(\d\d)\.(\d)")


def positions(text):
    """(file, number of files, seconds in it, its length) of each line."""
    for file, files, *times in POSITION.findall(text):
        at, at_s, at_tenths, length, length_s, length_tenths = map(int, times)
        position = at * 60 + at_s + at_tenths / 10
        yield int(file or 1), int(files or 1), position, length * 60 + length_s + length_tenths / 10


def test_quiet(perform, tmp_path):
    outcome = perform(make(tmp_path / "a.mp3", seconds=3))
    assert outcome.verdict.error is None
    assert outcome.playback.messages == ""


def test_verbose(perform, tmp_path):
    """It follows what is heard, also while the file is played to its end."""
    outcome = perform(make(tmp_path / "a.mp3", seconds=65), options=("--verbose",))
    assert outcome.verdict.error is None
    told = list(positions(outcome.playback.messages))
    assert len(told) >= 60
    assert [length for *_, length in told] == pytest.approx([65] * len(told), abs=0.2)
    at = [position for _, _, position, _ in told]
    steps = [two - one for one, two in itertools.pairwise(at)][2:]
    assert steps == pytest.approx([1] * len(steps), abs=0.25)
    assert at[-1] == pytest.approx(65, abs=1.2)


def test_seek(perform, tmp_path):
    """What the device was told to drop is not counted, nor is what it had played before."""
    path = make(tmp_path / "a.mp3", seconds=30, options=CBR_128K)
    forth = r"sleep 5; printf '\033[C' >&4; sleep 3"
    back_in_a_pause = r"printf ' ' >&4; sleep 2; printf '\033[D' >&4; sleep 2; printf ' ' >&4"
    outcome = perform(path, f"{forth}; {back_in_a_pause}", ("--verbose", "--keys"))
    at = [position for _, _, position, _ in positions(outcome.playback.messages)]
    steps = [two - one for one, two in itertools.pairwise(at)][2:]
    jumps = [number for number, step in enumerate(steps) if abs(step) > 2]
    assert [steps[number] for number in jumps] == pytest.approx([11, -10], abs=1.2)
    assert all(-0.25 <= step <= 1.25 for number, step in enumerate(steps) if number not in jumps)
    heard = steps[jumps[-1] + 4 :]
    assert len(heard) > 15
    assert heard == pytest.approx([1] * len(heard), abs=0.25)
    assert at[-1] == pytest.approx(30, abs=1.2)


def test_terminal(remote, tmp_path):
    """On a terminal, without being asked; and which of several files."""
    for number, seconds in enumerate((3, 4)):
        remote.put(make(tmp_path / "a.mp3", seconds=seconds), f"/tmp/at{number}.mp3")
    player = "PIPEWIRE_RUNTIME_DIR=/run/pipewire pw-cat --playback --encoded /tmp/at0.mp3 /tmp/at1.mp3"
    shown = remote.run_check(f"script -qec {shlex.quote(player)} /dev/null </dev/null", timeout=90)
    told = list(positions(shown))
    assert {(file, files, round(length)) for file, files, _, length in told} == {(1, 2, 3), (2, 2, 4)}
    assert [file for file, *_ in told] == sorted(file for file, *_ in told)
