# SPDX-License-Identifier: MIT
"""What PipeWire and WirePlumber make of the compress device, before anything is played."""

import json
import random

import pytest

ENVIRONMENT = "PIPEWIRE_RUNTIME_DIR=/run/pipewire"
#: Bytes of a second of 16-bit stereo at 48 kHz.
SECOND = 48000 * 2 * 2


@pytest.fixture
def objects(remote):
    return json.loads(remote.run_check(f"{ENVIRONMENT} pw-dump"))


@pytest.fixture
def sinks(objects):
    """Properties of all audio sinks."""
    nodes = [item["info"]["props"] for item in objects if item["type"] == "PipeWire:Interface:Node"]
    return [props for props in nodes if props.get("media.class") == "Audio/Sink"]


@pytest.fixture
def compress_sinks(sinks):
    return [props for props in sinks if props.get("factory.name") == "api.alsa.compress.offload.sink"]


def test_there_is_one_compress_sink(compress_sinks):
    assert len(compress_sinks) == 1


def test_there_is_a_pcm_sink_too(sinks, compress_sinks):
    assert len(sinks) > len(compress_sinks)


def test_the_compress_sink_is_not_the_default(remote, objects, compress_sinks):
    """PCM cannot play there."""
    (metadata,) = [
        item for item in objects
        if item["type"] == "PipeWire:Interface:Metadata" and item["props"].get("metadata.name") == "default"
    ]  # fmt: skip
    defaults = [
        entry["value"]["name"] for entry in metadata["metadata"] if entry["key"] == "default.audio.sink"
    ]
    assert defaults, "there must be a default sink"
    assert compress_sinks[0]["node.name"] not in defaults
    status = remote.run_check(f"{ENVIRONMENT} wpctl status --name")
    assert compress_sinks[0]["node.name"] in status
    default_line = [line for line in status.splitlines() if " *" in line and "alsa_output" in line]
    assert not any(compress_sinks[0]["node.name"] in line for line in default_line)


@pytest.mark.lg_feature("dsp-record")
def test_pcm_goes_to_the_pcm_sink(remote, recorded_with_pcm, tmp_path):
    """Whoever names no sink gets one that can play PCM."""
    (tmp_path / "noise").write_bytes(random.Random(1).randbytes(2 * SECOND))
    remote.put(tmp_path / "noise", "/tmp/noise")
    command = "pw-cat --playback --raw --format s16 --rate 48000 --channels 2 - </tmp/noise"
    remote.run_check(f"{ENVIRONMENT} {command}", timeout=90)
    records = recorded_with_pcm()
    assert {record.stream["codec"] for record in records} == {"pcm"}
    sounding = max(sum(map(bool, record.received)) for record in records)
    assert sounding >= 0.9 * 2 * SECOND


@pytest.mark.parametrize("command", ["set-volume {} 0.3", "set-mute {} 1"])
def test_no_volume_is_pretended(remote, objects, command):
    """Nothing on the card changes what the DSP decodes, so a volume that is set would not be heard."""
    (sink,) = [
        item["id"] for item in objects
        if item["type"] == "PipeWire:Interface:Node"
        and item["info"]["props"].get("factory.name") == "api.alsa.compress.offload.sink"
    ]  # fmt: skip
    before = remote.run_check(f"{ENVIRONMENT} wpctl get-volume {sink}")
    remote.run_check(f"{ENVIRONMENT} wpctl {command.format(sink)}")
    assert remote.run_check(f"{ENVIRONMENT} wpctl get-volume {sink}") == before
    assert "MUTED" not in before and "0.30" not in before
    # should there be a control one day, the sink ought to use it
    assert "Volume" not in remote.run_check("amixer -c 0 controls")


def test_the_daemons_do_not_complain(remote):
    """No crash, no restart."""
    show = remote.run_check("systemctl show --property=NRestarts --value pipewire wireplumber")
    assert show.split() == ["0", "0"]
