# SPDX-License-Identifier: MIT
"""Streams of two packets to ten fragments end when the DSP has played their last sample."""

import pytest
from support.media import make

pytestmark = pytest.mark.lg_feature("dsp-record")

#: Bytes of a frame of MP3 of 128 kbit/s at 48 kHz; 64 of them fill three fragments of 8 KiB.
FRAME = 384


@pytest.mark.parametrize("frames", [2, 21, 22, 43, 64, 65, 128, 213, 214])
def test_drain(perform, tmp_path, frames):
    options = ("-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0")
    path = make(tmp_path / "a.mp3", seconds=6, rate=48000, options=options)
    path.write_bytes(path.read_bytes()[: frames * FRAME])
    verdict = perform(path).verdict
    assert verdict.error is None
    assert verdict.bytes_sent == verdict.bytes_received == frames * FRAME
    assert verdict.drained and verdict.frames_rendered == verdict.frames_expected
