# SPDX-License-Identifier: MIT
"""Codecs whose decoder needs more than rate and channels, through PipeWire."""

import pytest
from support import codec_params
from support.codec_cases import CASES
from support.media import make

from lab.playback import media
from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature("dsp-record")

#: One of each form; the others differ in numbers only, which test_codecs.py looks at.
CHOSEN = {
    "WMA9-ASF-44100-2-0", "WMA9Lossless-ASF-44100-2-16", "ALAC-MP4-44100-1-16", "ALAC-MP4-48000-2-24",
    "APE-APE3.99-44100-2-16", "AAC-LC-ADTS-44100-2-0", "AAC-LC-MP4-44100-2-0",
}  # fmt: skip


@pytest.mark.parametrize("case", [case for case in CASES if case.id in CHOSEN], ids=lambda case: case.id)
def test_the_decoder_learns_what_it_must_know(case, tmp_path, perform, recorded):
    file = media.read(case.file(tmp_path))
    outcome = perform(file.path)
    assert outcome.playback.error is None
    (record,) = recorded()
    assert record.stream["codec"] == codec_params.dsp_codec(file)
    assert record.stream["format"] == codec_params.block(file)
    verdict = judge(file, [record])
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained
    assert verdict.frames_rendered == verdict.frames_expected


def test_a_packet_larger_than_the_buffers(tmp_path, perform, recorded):
    """They are as large as the ring, 512 KiB; Monkey's Audio may have such packets, and FLAC in MP4.

    The model's libFLAC does not look for a frame that far: only the way to it is judged.
    """
    flac = ("-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-strict", "-2")
    noise = ("-af", "volume=8", "-frame_size", "65535")
    path = make(tmp_path / "a.mp4", seconds=3, rate=48000, channels=8, options=(*flac, *noise))
    file = media.read(path)
    assert max(map(len, file.packets)) > 512 * 1024
    assert perform(path).playback.error is None
    (record,) = recorded()
    assert record.received == file.payload


def test_every_chosen_case_is_one():
    assert {case.id for case in CASES} >= CHOSEN
