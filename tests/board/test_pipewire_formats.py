# SPDX-License-Identifier: MIT
"""The compress sink offers what the device lists; what it does not take is refused at once, or decoded."""

import json

import pytest
from support.media import make
from support.pipewire import COMPRESS_SINK, ENVIRONMENT
from support.waiting import wait_for

pytestmark = pytest.mark.lg_feature("dsp-record")


def choices(value):
    """What a property in pw-dump's JSON may be: one value, an enumeration or a range."""
    if not isinstance(value, dict):
        return [value]
    if "min" in value:
        return list(range(value["min"], value["max"] + 1))
    return sorted({choice for name, choice in value.items() if name != "default"})


@pytest.fixture
def offered(remote):
    """Rates and channels by codec, as the sink offers them."""
    objects = json.loads(remote.run_check(f"{ENVIRONMENT} pw-dump"))
    nodes = [item["info"] for item in objects if item["type"] == "PipeWire:Interface:Node"]
    (sink,) = [node for node in nodes if node["props"].get("factory.name") == COMPRESS_SINK]
    formats = sink["params"]["EnumFormat"]
    assert {entry["format"] for entry in formats} == {"ENCODED"}
    return {entry["mediaSubtype"]: (choices(entry["rate"]), choices(entry["channels"])) for entry in formats}


@pytest.fixture
def listed(compress_client):
    """Rates and channels by codec, as the device lists them."""
    (caps,) = compress_client("caps")
    answers = {codec: compress_client("codec-caps", "--codec", codec)[0] for codec in caps["codecs"]}
    return {
        codec: (descriptor["rates"], list(range(1, descriptor["max_channels"] + 1)))
        for codec, answer in answers.items()
        for descriptor in answer["descriptors"]
    }


def test_the_sink_offers_what_the_device_lists(offered, listed):
    assert offered == listed


#: Each is a good file, which the DSP does not take for another reason.
REFUSED = {
    "codec.ogg": {"options": ("-c:a", "libvorbis")},
    "codec.opus": {"rate": 48000, "options": ("-c:a", "libopus")},
    "channels.flac": {"rate": 48000, "channels": 8},
    "rate.flac": {"rate": 37800},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_listed_is_refused(name, remote, recorded, tmp_path):
    """In one sentence, at once, and the sink plays on."""
    remote.put(make(tmp_path / name, seconds=1, **REFUSED[name]), f"/tmp/{name}")
    result = remote.run(f"{ENVIRONMENT} timeout 20 pw-cat --playback --encoded /tmp/{name}", timeout=60)
    assert result.code == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert not [record for record in recorded() if record.stream["codec"] != "pcm"]
    good = make(tmp_path / "good.mp3", seconds=1)
    remote.put(good, "/tmp/good.mp3")
    remote.run_check(f"{ENVIRONMENT} pw-cat --playback --encoded /tmp/good.mp3", timeout=60)


@pytest.mark.parametrize("name", [*REFUSED, "a.mp3"])
def test_pw_cat_decodes_unless_it_is_told_not_to(name, remote, recorded_with_pcm, tmp_path):
    """``--encoded`` is the user's choice; without it the PCM sink plays what libsndfile decodes."""
    remote.put(make(tmp_path / name, seconds=2, **REFUSED.get(name, {})), f"/tmp/{name}")
    result = remote.run(f"{ENVIRONMENT} pw-cat --playback /tmp/{name}", timeout=60)
    assert result.code == 0, result.stderr
    records = recorded_with_pcm()
    assert {record.stream["codec"] for record in records} == {"pcm"}
    assert any(any(record.received) for record in records)


@pytest.fixture
def pulse(remote):
    """PipeWire's server for PulseAudio's clients, as long as the test; environment for a client."""
    module = "/usr/lib/*/pipewire-*/libpipewire-module-protocol-pulse.so"
    if remote.run(f"command -v paplay && ls {module}").code:
        pytest.skip("paplay or PipeWire's module-protocol-pulse is not on this image")
    server = f"{ENVIRONMENT} PULSE_RUNTIME_PATH=/tmp/pulse pipewire -c pipewire-pulse.conf"
    remote.run_check(
        f"mkdir -p /tmp/pulse; {server} >/tmp/pulse.log 2>&1 </dev/null & echo $! >/tmp/pulse.pid"
    )
    wait_for(lambda: remote.run("test -S /tmp/pulse/native").code == 0)
    yield "PULSE_SERVER=unix:/tmp/pulse/native"
    remote.run_check("kill $(cat /tmp/pulse.pid); cat /tmp/pulse.log")


@pytest.mark.parametrize("name", ["codec.ogg", "a.mp3"])
def test_clients_of_pulseaudio_play_on_the_pcm_sink(name, pulse, remote, recorded_with_pcm, tmp_path):
    """They decode by themselves, and their default is no sink that cannot play this."""
    remote.put(make(tmp_path / name, seconds=2, **REFUSED.get(name, {})), f"/tmp/{name}")
    remote.run_check(f"{pulse} paplay /tmp/{name}", timeout=60)
    records = recorded_with_pcm()
    assert {record.stream["codec"] for record in records} == {"pcm"}
    assert any(any(record.received) for record in records)
