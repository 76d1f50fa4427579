# SPDX-License-Identifier: MIT
"""Codecs whose decoder needs more than rate and channels, through PipeWire."""

import pytest
from support import codec_params
from support.codec_cases import CASES, comparison, through_pipewire
from support.media import in_large_packets, make

from lab.playback import media
from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature("dsp-record")

#: The device lists no more.
MAX_CHANNELS = 2


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.channels <= MAX_CHANNELS], ids=lambda case: case.id
)
def test_the_decoder_learns_what_it_must_know(case, tmp_path, perform, recorded):
    through_pipewire[case.id] = "**fails**"
    file = media.read(case.file(tmp_path))
    outcome = perform(file.path)
    assert outcome.playback.error is None
    (record,) = recorded()
    assert record.stream["codec"] == codec_params.dsp_codec(file)
    if file.codec != "flac":  # of which pw-cat tells the depth alone
        assert record.stream["format"] == codec_params.block(file)
    verdict = judge(file, [record])
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained
    assert verdict.frames_rendered == verdict.frames_expected
    through_pipewire[case.id] = comparison(verdict)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.channels > MAX_CHANNELS], ids=lambda case: case.id
)
def test_more_channels_than_the_device_lists(case, tmp_path, perform, recorded):
    through_pipewire[case.id] = "**is not refused**"
    assert perform(case.file(tmp_path)).playback.code == 1
    assert not recorded()
    through_pipewire[case.id] = "refused: not listed"


def test_packets_larger_than_the_buffers(tmp_path, perform, recorded):
    """They are as large as the ring, 512 KiB; Monkey's Audio may have such packets, and FLAC in MP4.

    Here each packet has four frames of noise. The model's libFLAC does not look for a frame that far: only
    the way to it is judged.
    """
    source, path = tmp_path / "frames.mp4", tmp_path / "a.mp4"
    flac = ("-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-strict", "-2")
    noise = ("-af", "aeval=random(0)|random(1)", "-frame_size", "65535")
    make(source, seconds=12, rate=48000, options=(*flac, *noise))
    in_large_packets(source, path, 4)
    file, whole = media.read(path), media.read(source)
    assert file.payload == whole.payload and min(map(len, file.packets[:-1])) > 512 * 1024
    assert perform(path).playback.error is None
    (record,) = recorded()
    assert record.received == file.payload and record.stream["drained"]


def test_a_packet_that_plays_longer_than_any_cycle(tmp_path, perform, recorded):
    """Its parts are told with what they play, so that the second one is not late: 25 s of AAC."""
    source, path = tmp_path / "frames.m4a", tmp_path / "a.m4a"
    make(source, seconds=25, options=("-c:a", "aac", "-b:a", "320k", "-aac_pns", "0"))
    in_large_packets(source, path, 10000)
    file, whole = media.read(path), media.read(source)
    assert len(file.packets) == 1 and len(file.payload) > 512 * 1024
    assert perform(path).playback.error is None
    (record,) = recorded()
    assert record.received == file.payload
    assert judge(whole, [record]).error is None
