# SPDX-License-Identifier: MIT
"""GStreamer's pipewiresink: encoded audio to the DSP where it takes it, decoded where it does not."""

import re

import pytest
from support.media import make, with_tags
from support.seeking import CBR_128K, parts_of
from support.waiting import wait_for

from lab.playback import media
from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature("dsp-record")

#: Nothing may be worth a warning. (The Ogg demuxer warns when it looks for the duration.)
ENVIRONMENT = "export PIPEWIRE_RUNTIME_DIR=/run/pipewire GST_DEBUG=2,oggdemux:1 GST_DEBUG_NO_COLOR=1"
LAUNCH = "gst-launch-1.0 --quiet filesrc location={} ! parsebin ! pipewiresink"
#: playbin3, the default, does not ask the sink what it takes.
PLAY = "gst-play-1.0 --use-playbin2 --audiosink=pipewiresink {}"

#: gst-play shows the position all the time, and takes keys from a terminal only. Lines come with the uptime.
ON_A_TERMINAL = r"""
{{ {keys}; sleep 2; }} | script -qec "{command}" /dev/null |
while IFS= read -r -d $'\r' line; do read -r uptime _ </proc/uptime; echo "$uptime $line"; done
"""


@pytest.fixture
def gstreamer(remote):
    """Runs a command of GStreamer's tools on the board, with ``{}`` for the files there."""
    # The first of these commands on a board looks at all plugins, which takes its time.
    if remote.run("gst-inspect-1.0 pipewiresink", timeout=180).code:
        pytest.skip("GStreamer is not on this image")

    def run(command, *paths, keys=None):
        for path in paths:
            remote.put(path, f"/tmp/{path.name}")
        command = command.format(" ".join(f"/tmp/{path.name}" for path in paths))
        if keys:
            command = ON_A_TERMINAL.format(command=command, keys=keys)
        return remote.run("bash -s", stdin=f"{ENVIRONMENT}\n{command}", timeout=180)

    return run


def assert_silent(result):
    """The command succeeded, and GStreamer had nothing to complain about."""
    output = result.stderr + result.text
    assert result.code == 0, output
    assert not [line for line in output.splitlines() if " WARN " in line or " ERROR " in line]


def assert_whole(path, records):
    """Every byte arrived and every sample was rendered, without a gap."""
    verdict = judge(media.read(path), records)
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained and verdict.underruns == 0
    assert verdict.frames_rendered == verdict.frames_expected
    return verdict


@pytest.fixture
def recorded_with_pcm(remote, recorded):
    """The streams since the test began, PCM too, which PipeWire closes some seconds after the last sound."""
    open_ones = "grep -q '\"closed_us\":null' /run/virtual-adsp/record/*/stream.json"

    def fetch():
        wait_for(lambda: remote.run(open_ones).code == 1)
        return recorded()

    return fetch


def encoded(records):
    return [record for record in records if record.stream["codec"] != "pcm"]


def sounding(records):
    """Whether something else than silence went to a PCM device."""
    return any(record.stream["codec"] == "pcm" and any(record.received) for record in records)


def shown_positions(result):
    """(uptime, position) in seconds, of each position that gst-play showed."""
    found = re.findall(r"^(\d+\.\d+) (\d+):(\d+):(\d+\.\d+) / ", result.text, re.MULTILINE)
    return [(float(up), int(h) * 3600 + int(m) * 60 + float(s)) for up, h, m, s in found]


FILES = {
    "a.mp3": {"options": ("-b:a", "128k")},
    "vbr-48000.mp3": {"rate": 48000, "options": ("-q:a", "2")},
    "mono.mp3": {"channels": 1, "options": ("-b:a", "64k")},
    "a.flac": {},
    "24-96000.flac": {"bits": 24, "rate": 96000},
    "mono-48000.flac": {"channels": 1, "rate": 48000},
}


@pytest.mark.parametrize("name", FILES)
def test_encoded_to_the_dsp(gstreamer, recorded, tmp_path, name):
    """From the first byte to the last; it ends when the DSP has rendered everything, and not before."""
    path = make(tmp_path / name, seconds=4, **FILES[name])
    assert_silent(gstreamer(LAUNCH, path))
    records = recorded()
    assert_whole(path, records)
    assert records[0].bits == FILES[name].get("bits", 16)


def test_tags_and_a_cover_stay_behind(gstreamer, recorded, tmp_path):
    path = with_tags(tmp_path / "tagged.mp3", seconds=3)
    assert_silent(gstreamer(LAUNCH, path))
    assert_whole(path, recorded())


@pytest.mark.parametrize("name", ["tiny.mp3", "tiny.flac"])
def test_less_than_one_fragment(gstreamer, recorded, tmp_path, name):
    path = make(tmp_path / name, seconds=0.1, channels=1)
    assert_silent(gstreamer(LAUNCH, path))
    assert_whole(path, recorded())


def test_aac_is_not_mp3(gstreamer, recorded, remote, tmp_path):
    """Both are audio/mpeg. The DSP does not take the one, and says so before anything is sent."""
    path = make(tmp_path / "a.aac", seconds=1)
    result = gstreamer("gst-launch-1.0 filesrc location={} ! aacparse ! pipewiresink", path)
    assert result.code == 1 and "not-negotiated" in result.stderr
    assert not encoded(recorded())


def test_playbin_chooses_offload(gstreamer, recorded, tmp_path):
    path = make(tmp_path / "a.mp3", seconds=4)
    assert_silent(gstreamer(PLAY + " --no-interactive", path))
    assert_whole(path, encoded(recorded()))


def test_playbin_decodes_what_the_dsp_does_not(gstreamer, recorded_with_pcm, tmp_path):
    path = make(tmp_path / "a.ogg", seconds=3)
    assert_silent(gstreamer(PLAY + " --no-interactive", path))
    records = recorded_with_pcm()
    assert not encoded(records) and sounding(records)


def test_playbin_decodes_while_the_device_is_busy(gstreamer, recorded_with_pcm, tmp_path):
    """Two files at once: the first one to the DSP, the second one, which comes a second later, to PCM."""
    first = make(tmp_path / "first.mp3", seconds=9)
    second = make(tmp_path / "second.mp3", seconds=3)
    command = f"pw-cat --playback --encoded /tmp/{first.name} & sleep 1; {PLAY} --no-interactive; wait %1"
    result = gstreamer(command.replace("{}", f"/tmp/{second.name}"), first, second)
    assert_silent(result)
    records = recorded_with_pcm()
    assert_whole(first, encoded(records))
    assert sounding(records)


def test_another_format_follows(gstreamer, recorded_with_pcm, tmp_path):
    """A play list of everything: each file is told to the device anew, or goes another way."""
    paths = [
        make(tmp_path / "one.mp3", seconds=2),
        make(tmp_path / "two.flac", seconds=2, rate=48000),
        make(tmp_path / "three.ogg", seconds=2),
        make(tmp_path / "four.mp3", seconds=2),
    ]
    assert_silent(gstreamer(PLAY + " --no-interactive", *paths))
    records = recorded_with_pcm()
    mp3, flac, again = encoded(records)
    assert_whole(paths[0], [mp3])
    assert_whole(paths[1], [flac])
    assert_whole(paths[3], [again])
    assert sounding(records)


def test_gapless(gstreamer, recorded, tmp_path):
    """about-to-finish: the next file of the same format goes on in the same stream of the DSP."""
    paths = [make(tmp_path / f"{name}.mp3", seconds=3) for name in ("one", "two")]
    assert_silent(gstreamer(PLAY + " --no-interactive --gapless", *paths))
    (record,) = encoded(recorded())
    assert record.received == b"".join(media.read(path).payload for path in paths)
    assert record.stream["drained"] and record.stream["underruns"] == 0


def test_pause_and_resume(gstreamer, recorded, tmp_path):
    """With gst-play's key: silence at once, nothing is lost, and the position stands."""
    path = make(tmp_path / "a.mp3", seconds=6)
    result = gstreamer(PLAY, path, keys="sleep 2; printf ' '; sleep 1.5; printf ' '; sleep 5")
    assert_silent(result)
    records = recorded()
    verdict = assert_whole(path, encoded(records))
    assert verdict.duration_s == pytest.approx(6 + 1.5, abs=0.4)
    pause = next(event for event in records[0].events if event["event"] == "pause")["t_us"] / 1e6
    standing = [at for up, at in shown_positions(result) if pause + 0.2 < up < pause + 1.2]
    assert standing and max(standing) - min(standing) <= 0.1


def test_position(gstreamer, recorded, tmp_path):
    """gst-play shows what the DSP renders, though the sink has sent seconds more."""
    path = make(tmp_path / "a.mp3", seconds=12)
    result = gstreamer(PLAY, path, keys="sleep 4; printf ' '; sleep 1; printf ' '; sleep 9")
    assert_silent(result)
    (record,) = encoded(recorded())
    rendered = [
        (event["t_us"] / 1e6, event["frames"] / record.stream["rate"])
        for event in record.events
        if event["event"] == "position"
    ]
    compared = 0
    for up, shown in shown_positions(result):
        before = [at for t, at in rendered if t <= up]
        if before and 0.5 < shown < 11.5:
            assert shown == pytest.approx(before[-1], abs=0.35)
            compared += 1
    assert compared > 50


@pytest.fixture
def sought(gstreamer, recorded, tmp_path):
    """Plays an MP3 of 50 s; per stream of the DSP: the seconds of the file at which it starts and ends.

    gst-play's cursor keys go 8 % of the file forth, or 1 % back.
    """

    def sought(keys):
        path = make(tmp_path / "a.mp3", seconds=50, options=CBR_128K)
        payload = media.read(path).payload
        assert_silent(gstreamer(PLAY, path, keys=keys))
        return parts_of(payload, encoded(recorded()))

    return sought


RIGHT, LEFT = r"printf '\033[C'", r"printf '\033[D'"


def test_seek(sought):
    """What the device had is not heard; the sink has sent it seconds ago."""
    before, after = sought(f"sleep 4; {RIGHT}; sleep 48")
    at = len(before[2].rendered) / 44100
    assert at == pytest.approx(4, abs=1)
    assert after[0] == pytest.approx(at + 4, abs=0.5)
    assert len(after[2].rendered) / 44100 == pytest.approx(50 - after[0], abs=0.2)


def test_seek_while_paused(sought):
    before, after = sought(f"sleep 4; printf ' '; sleep 1; {RIGHT}; sleep 1; printf ' '; sleep 48")
    at = len(before[2].rendered) / 44100
    assert after[0] == pytest.approx(at + 4, abs=0.5)


def test_seek_back_near_the_end(sought):
    """The sink has sent all. The position that gst-play starts from is early by a cycle at most, then."""
    before, after = sought(f"sleep 46; {LEFT}; sleep 9")
    at = len(before[2].rendered) / 44100
    assert at == pytest.approx(46, abs=1)
    assert at - 16 < after[0] < at
    assert len(after[2].rendered) / 44100 == pytest.approx(50 - after[0], abs=0.2)
