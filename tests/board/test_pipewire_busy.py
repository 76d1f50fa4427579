# SPDX-License-Identifier: MIT
"""The compress device plays one stream: what who comes second is told, and what can be played beside it."""

import random
import re

import numpy as np
import pytest
from support.media import make
from support.pipewire import COMPRESS_SINK, ENVIRONMENT, PCM_SINK, sinks
from support.waiting import wait_for

from lab.playback import media
from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature("dsp-record")

#: Minutes of audio in some hundred kilobytes: the board's time runs ahead while the lab looks on.
LONG = {"seconds": 300, "rate": 16000, "channels": 1, "options": ("-b:a", "24k")}


@pytest.fixture
def client_past_pipewire(bare, remote):
    """Uses the compress device until the test ends, or sooner if asked."""
    _, arguments = bare("long.mp3", **LONG)
    command = f"compress-client play {' '.join(map(str, arguments))}"
    remote.run_check(f"{command} >/dev/null 2>&1 </dev/null & sleep 1; pidof compress-client")

    def stop():
        remote.run("kill $(pidof compress-client)")
        wait_for(lambda: remote.run("pidof compress-client").code != 0)

    yield stop
    stop()


def test_a_sink_for_a_device_that_was_busy(client_past_pipewire, remote, play, tmp_path):
    """The session manager comes while somebody uses the device. The PCM sink does not wait for that."""
    remote.run_check("systemctl restart pipewire wireplumber")
    wait_for(lambda: sinks(remote))
    assert set(sinks(remote)) == {PCM_SINK}
    client_past_pipewire()
    wait_for(lambda: COMPRESS_SINK in sinks(remote))
    outcome = play(make(tmp_path / "next.mp3", seconds=3))
    assert outcome.verdict.error is None
    assert outcome.verdict.bytes_identical and outcome.verdict.drained


def test_a_second_player(remote, perform, tmp_path):
    """One plays on undisturbed, the other is told in one sentence."""
    first = make(tmp_path / "first.flac", seconds=8)
    second = make(tmp_path / "second.mp3", seconds=3)
    remote.put(second, "/tmp/second.mp3")
    steps = "sleep 2; pw-cat --playback --encoded /tmp/second.mp3 >/tmp/said 2>&1; echo $? >/tmp/code"
    outcome = perform(first, steps)
    assert outcome.verdict.error is None and outcome.verdict.pcm_identical and outcome.verdict.drained
    assert remote.run_check("cat /tmp/code").strip() == "1"
    assert re.search(r"error: target node \S*comprC0D3 is busy$", remote.run_check("cat /tmp/said").strip())


def test_a_player_while_somebody_is_past_pipewire(client_past_pipewire, play, tmp_path):
    """What the device answers comes through to the player. Afterwards, the sink is as good as before."""
    path = make(tmp_path / "busy.mp3", seconds=3)
    outcome = play(path)
    assert outcome.playback.code == 1
    assert "Device or resource busy" in outcome.playback.messages
    client_past_pipewire()
    outcome = play(path)
    assert outcome.verdict.error is None
    assert outcome.verdict.bytes_identical and outcome.verdict.drained


@pytest.fixture
def full_volume(remote):
    """The PCM sink's volume is PipeWire's, which multiplies the samples by it."""
    wpctl = f"{ENVIRONMENT} wpctl"
    before = remote.run_check(f"{wpctl} get-volume @DEFAULT_AUDIO_SINK@").split()[1]
    remote.run_check(f"{wpctl} set-volume @DEFAULT_AUDIO_SINK@ 1.0")
    yield
    remote.run_check(f"{wpctl} set-volume @DEFAULT_AUDIO_SINK@ {before}")


@pytest.mark.usefixtures("full_volume")
def test_pcm_beside_offload(remote, perform, recorded_with_pcm, tmp_path):
    """The DSP plays both, and neither disturbs the other."""
    noise = random.Random(1).randbytes(3 * 48000 * 2 * 2)
    (tmp_path / "noise").write_bytes(noise)
    remote.put(tmp_path / "noise", "/tmp/noise")
    pcm = "pw-cat --playback --raw --format s16 --rate 48000 --channels 2 - </tmp/noise"
    path = make(tmp_path / "beside.flac", seconds=8)
    perform(path, f"sleep 2; {pcm}")
    records = recorded_with_pcm()
    encoded = [record for record in records if record.stream["codec"] == "flac"]
    assert judge(media.read(path), encoded).pcm_identical
    beside = [record for record in records if record.stream["codec"] == "pcm" and record.received]
    assert len(beside) == 1
    # PipeWire chooses the deepest format, 24 bits in 32.
    assert beside[0].bits == 24
    assert (np.frombuffer(noise, "<i2").astype("<i4") << 8).tobytes() in beside[0].received
    assert beside[0].stream["run_us"] < encoded[0].stream["eos_rendered_us"]
