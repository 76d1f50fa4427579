# SPDX-License-Identifier: MIT
"""Every codec through pipewiresink, from what Debian's demuxers and parsers make of the file."""

import pytest
from support import codec_params
from support.codec_cases import CASES, comparison, through_gstreamer
from support.gstreamer import LAUNCH, assert_silent, assert_whole

from lab.playback import media

pytestmark = pytest.mark.lg_feature("dsp-record")

#: The device lists no more.
MAX_CHANNELS = 2

#: The only demuxer is gst-libav's, whose caps have 6 of the 26 bytes that a decoder needs.
NO_DEMUXER = ("APE",)


def playable(case):
    return case.channels <= MAX_CHANNELS and case.codec not in NO_DEMUXER


@pytest.mark.parametrize("case", [case for case in CASES if playable(case)], ids=lambda case: case.id)
def test_encoded_to_the_dsp(gstreamer, recorded, tmp_path, case):
    """From the first byte to the last; it ends when the DSP has rendered everything, and not before."""
    through_gstreamer[case.id] = "**fails**"
    file = media.read(case.file(tmp_path))
    assert_silent(gstreamer(LAUNCH, file.path))
    (record,) = recorded()
    assert record.stream["codec"] == codec_params.dsp_codec(file)
    if file.codec != "flac":  # of which the format has the depth alone
        assert record.stream["format"] == codec_params.block(file)
    assert record.bits == file.bits
    through_gstreamer[case.id] = comparison(assert_whole(file.path, [record]))


@pytest.mark.parametrize("case", [case for case in CASES if not playable(case)], ids=lambda case: case.id)
def test_what_cannot_be_played_is_refused(gstreamer, recorded, tmp_path, case):
    through_gstreamer[case.id] = "**is not refused**"
    result = gstreamer(LAUNCH, case.file(tmp_path))
    assert result.code == 1 and not recorded()
    through_gstreamer[case.id] = "no demuxer" if case.codec in NO_DEMUXER else "refused: not listed"
