# SPDX-License-Identifier: MIT
"""The counterpart of test_playback.py: with PipeWire as it was released, the same file arrives garbled."""

import os
from pathlib import Path

import pytest
from support.media import make

from lab.environment import Board
from lab.flash import Plan
from lab.playback import media, session

pytestmark = [pytest.mark.own_board, pytest.mark.lg_feature("dsp-record")]


@pytest.fixture(scope="module")
def unpatched(pytestconfig, strategy, build_image):
    """A target that runs the image with the unpatched PipeWire. OFFLOAD_IMAGE_UNPATCHED names its folder."""
    if not Board.find(pytestconfig.option.board).virtual:
        pytest.skip("a real board would have to be flashed with an image that does not work")
    folder = os.environ.get("OFFLOAD_IMAGE_UNPATCHED")
    plan = Plan.read(Path(folder) if folder else build_image("unpatched"))
    assert plan.manifest["pipewire"]["patched"] is False
    strategy.transition("off")  # two boards at once are slow
    board = Board.find(pytestconfig.option.board, instance="test-unpatched")
    with board.session(plan) as target:
        target.get_strategy().transition("shell")
        yield target


def test_a_file_arrives_garbled(unpatched, tmp_path, records):
    file = media.read(make(tmp_path / "a.mp3", seconds=4))
    # The released pw-cat does not end by itself.
    verdict = session.play(unpatched, file, records, limit=20).verdict
    assert not verdict.good
    assert verdict.bytes_received, "the DSP must have received something"
    assert verdict.bytes_identical is False
    assert verdict.pcm_identical is False
