# SPDX-License-Identifier: MIT
"""Files through PipeWire's compressed-offload sink: every byte, every sample, to the last."""

import pytest
from support.media import make, with_tags

pytestmark = pytest.mark.lg_feature("dsp-record")

MP3 = {
    "cbr-128": {"options": ("-b:a", "128k")},
    "cbr-320-48000": {"rate": 48000, "options": ("-b:a", "320k")},
    "vbr": {"options": ("-q:a", "2")},
    "vbr-48000-mono": {"rate": 48000, "channels": 1, "options": ("-q:a", "5")},
    "cbr-64-mono": {"channels": 1, "options": ("-b:a", "64k")},
}
FLAC = {
    "16": {},
    "16-48000-mono": {"rate": 48000, "channels": 1},
    "24": {"bits": 24},
    "24-48000": {"bits": 24, "rate": 48000},
    "24-88200": {"bits": 24, "rate": 88200},
    "24-96000": {"bits": 24, "rate": 96000},
    "24-96000-mono": {"bits": 24, "rate": 96000, "channels": 1},
}


def assert_good(verdict):
    """Everything that a verdict can say, not only that nobody complained."""
    assert verdict.error is None
    assert verdict.bytes_received == verdict.bytes_sent and verdict.bytes_identical
    assert verdict.frames_rendered == verdict.frames_expected
    assert verdict.pcm_max_diff <= (2 if verdict.codec == "mp3" else 0)
    assert verdict.pcm_identical or verdict.codec == "mp3"
    assert verdict.drained and verdict.underruns == 0
    assert verdict.duration_s == pytest.approx(verdict.frames_expected / verdict.rate, abs=0.2)


@pytest.mark.parametrize("options", MP3.values(), ids=MP3.keys())
def test_mp3(play, tmp_path, options):
    outcome = play(make(tmp_path / "a.mp3", seconds=4, **options))
    assert_good(outcome.verdict)
    assert outcome.record.stream["codec"] == "mp3"


@pytest.mark.parametrize("options", FLAC.values(), ids=FLAC.keys())
def test_flac(play, tmp_path, options):
    outcome = play(make(tmp_path / "a.flac", seconds=4, **options))
    assert_good(outcome.verdict)
    assert outcome.record.stream["codec"] == "flac"
    assert outcome.record.bits == options.get("bits", 16)


def test_mp3_with_tags_and_a_cover(play, tmp_path):
    path = with_tags(tmp_path / "tagged.mp3", seconds=4)
    outcome = play(path)
    assert_good(outcome.verdict)
    assert len(outcome.record.received) < path.stat().st_size - 5000, "the cover must stay behind"


def test_flac_with_a_cover(play, tmp_path):
    from support.media import cover

    picture = ("-i", str(cover(tmp_path)), "-map", "0:a", "-map", "1:v")
    options = ("-c:v", "copy", "-disposition:v", "attached_pic", "-metadata", "title=Tagged")
    assert_good(play(make(tmp_path / "tagged.flac", seconds=4, inputs=picture, options=options)).verdict)


@pytest.mark.parametrize("name", ["tiny.mp3", "tiny.flac"])
def test_less_than_one_fragment(play, tmp_path, name):
    outcome = play(make(tmp_path / name, seconds=0.1, channels=1))
    assert outcome.verdict.bytes_sent < 8192
    assert_good(outcome.verdict)


def test_two_files_in_a_row(play, tmp_path):
    """The second one starts afresh, whatever the first one was."""
    first = play(make(tmp_path / "one.flac", seconds=2, rate=48000))
    second = play(make(tmp_path / "two.mp3", seconds=2))
    assert_good(first.verdict)
    assert_good(second.verdict)
    assert first.record.stream["closed_us"] <= second.record.stream["opened_us"]


def test_the_dsp_has_data_ahead_in_whole_fragments(play, tmp_path):
    """Offload is for sleeping: what is not written yet must not matter for a while."""
    outcome = play(make(tmp_path / "a.mp3", seconds=40, options=("-b:a", "128k")))
    assert_good(outcome.verdict)
    writes = [event for event in outcome.record.events if event["event"] == "write"]
    fragment = max(event["length"] for event in writes)
    assert fragment >= 8192
    assert all(event["length"] == fragment for event in writes[:-1])
    # In the first half of the file: what the player has read is ahead of what the DSP has taken.
    for sample in outcome.playback.samples[2:20]:
        taken = sum(event["length"] for event in writes if event["t_us"] / 1e6 <= sample.uptime_s)
        assert sample.position - outcome.offset - taken >= fragment


def test_twelve_seconds_take_twelve_seconds(play, tmp_path):
    """Of the board's time, from RUN to the last sample."""
    outcome = play(make(tmp_path / "a.mp3", seconds=12))
    assert_good(outcome.verdict)
    assert outcome.record.playing_s == pytest.approx(12, abs=0.2)
