# SPDX-License-Identifier: MIT
"""The device tells what it can do with each codec."""

import pytest

ALL_RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000]
MP3_RATES = ALL_RATES[:9]
AAC_RATES = [*MP3_RATES, 64000, 88200, 96000]


@pytest.fixture
def codecs(compress_client):
    (caps,) = compress_client("caps")
    return caps["codecs"]


def test_the_codecs(codecs):
    assert codecs == ["mp3", "flac", "wma", "alac", "ape", "aac"]


@pytest.mark.parametrize(
    ("codec", "rates"),
    [
        ("mp3", MP3_RATES),
        ("flac", ALL_RATES),
        ("wma", MP3_RATES),
        ("alac", ALL_RATES),
        ("ape", ALL_RATES),
        ("aac", AAC_RATES),
    ],
)
def test_what_it_can_do_with_each(compress_client, codec, rates):
    (caps,) = compress_client("codec-caps", "--codec", codec)
    (descriptor,) = caps["descriptors"]
    assert descriptor["rates"] == rates and descriptor["max_channels"] == 2
    assert bool(descriptor["profiles"]) == (codec == "wma")


def test_a_codec_that_it_does_not_have(remote):
    result = remote.run("compress-client codec-caps --codec pcm")
    assert result.code == 1 and "Invalid argument" in result.stderr
