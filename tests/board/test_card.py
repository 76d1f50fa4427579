# SPDX-License-Identifier: MIT
"""The card and its compress device, by the kernel's real drivers."""

import re

import pytest


def test_the_card(remote):
    assert "DB845c" in remote.run_check("cat /proc/asound/cards")


def test_device_numbers_are_the_boards(remote):
    nodes = set(remote.run_check("ls /dev/snd").split())
    assert {"comprC0D3", "pcmC0D0p", "pcmC0D1p", "pcmC0D2p", "controlC0"} <= nodes


def test_what_the_dsp_lists(compress_client):
    (caps,) = compress_client("caps")
    assert caps["codecs"] == ["mp3", "flac", "wma", "alac", "ape", "aac"]
    assert caps["direction"] == "playback"
    # The driver cannot carry longer writes: their length does not fit the token (16 bits).
    assert caps["min_fragment_size"] == 8192
    assert caps["min_fragments"] == 4


@pytest.mark.lg_feature("dsp-record")
def test_pcm_still_plays(remote, recorded):
    remote.run_check("timeout 60 aplay -q -D plughw:0,0 -f S16_LE -r 48000 -c 2 -d 1 /dev/zero", timeout=90)
    (record,) = recorded()
    assert record.stream["codec"] == "pcm"
    assert record.stream["bytes_received"] >= 48000 * 4


@pytest.mark.lg_feature("dsp-record")
@pytest.mark.parametrize("codec", ["mp3", "flac"])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_parameters_reach_the_dsp(compress_client, recorded, codec, rate):
    compress_client("params", "--codec", codec, "--rate", rate, "--channels", 2)
    (record,) = recorded()
    assert record.stream["codec"] == codec
    if codec == "flac":  # MP3 has no format block: the decoder finds out
        assert (record.stream["format"]["rate"], record.stream["format"]["channels"]) == (rate, 2)


def test_a_codec_that_the_dsp_does_not_list_is_refused(remote):
    result = remote.run("compress-client params --codec aac")
    assert result.code == 1
    assert "aac" in result.stderr


@pytest.mark.lg_feature("dsp-record")
def test_the_dsps_code_is_in_memory(remote):
    """Read from a disk when it is first used, a decoder may take longer than the driver waits."""
    status = remote.run_check("cat /proc/$(pidof virtual-adsp)/status")
    kilobytes = {name: int(size) for name, size in re.findall(r"^(Vm\w+):\s+(\d+) kB", status, re.MULTILINE)}
    assert kilobytes["VmLck"] >= kilobytes["VmExe"] + kilobytes["VmLib"] > 1000
