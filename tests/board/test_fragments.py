# SPDX-License-Identifier: MIT
"""The DSP gets exactly the bytes that are written, however they are cut, and one end."""

import pytest
from support.compress import assert_good, by_name

pytestmark = pytest.mark.lg_feature("dsp-record")


def ends(record):
    return by_name(record.events, "eos")


@pytest.mark.parametrize("size", [417, 5000, 8193, 20000])
def test_writes_of_any_size(bare, compress_client, recorded, size):
    """The DSP is slower than the client, and at the start, and at the end, it is not."""
    file, arguments = bare("cut.mp3", seconds=4)
    compress_client("play", "--write-size", size, *arguments)
    records = recorded()
    assert_good(file, records)
    assert len(ends(records[0])) == 1
    lengths = [event["length"] for event in by_name(records[0].events, "write")]
    assert set(lengths[:-1]) == {8192} and 0 < lengths[-1] <= 8192


@pytest.mark.parametrize("size", [16, 64, 128])
def test_large_fragments(bare, compress_client, recorded, size):
    """As large as the device offers; from 64 KiB on their length takes more than 16 bits."""
    file, arguments = bare("large.flac", seconds=10)
    assert len(file.payload) > 4 * size * 1024
    events = compress_client("play", "--fragment-size", size * 1024, "--fragments", 4, *arguments)
    assert by_name(events, "drained")[0]["copied_total"] == len(file.payload)
    assert_good(file, recorded())


@pytest.mark.parametrize(("size", "number"), [(8188, 4), (8192, 3), (131076, 4), (8192, 65), (8194, 4)])
def test_a_ring_that_is_not_offered(bare, remote, size, number):
    _, arguments = bare("ring.mp3", seconds=1)
    command = ["compress-client", "play", "-f", size, "-F", number, *arguments]
    result = remote.run(" ".join(map(str, command)))
    assert result.code == 1 and "Invalid argument" in result.stderr


def test_the_largest_ring(bare, compress_client, recorded):
    file, arguments = bare("ring.flac", seconds=4)
    compress_client("play", "--fragment-size", 131072, "--fragments", 64, *arguments)
    assert_good(file, recorded())


@pytest.mark.parametrize("fragments", [1, 10])
def test_a_drain_of_whole_fragments(bare, compress_client, recorded, remote, fragments):
    """No part of a fragment is left for the end."""
    file, arguments = bare("whole.mp3", seconds=8)
    remote.run_check(f"truncate -s {fragments * 8192} /tmp/packets")
    compress_client("play", *arguments)
    (record,) = recorded()
    assert record.received == file.payload[: fragments * 8192]
    assert record.stream["drained"] and len(ends(record)) == 1


@pytest.mark.parametrize("length", [1, 8191, 8193, 10 * 8192 + 1])
def test_a_drain_of_any_length(bare, compress_client, recorded, remote, length):
    file, arguments = bare("any.mp3", seconds=8)
    remote.run_check(f"truncate -s {length} /tmp/packets")
    events = compress_client("play", *arguments)
    (record,) = recorded()
    assert record.received == file.payload[:length]
    assert record.stream["drained"] and len(ends(record)) == 1
    assert by_name(events, "drained")[0]["copied_total"] == length
