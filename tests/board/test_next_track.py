# SPDX-License-Identifier: MIT
"""Tracks one after the other: all bytes of each to its own stream, and to the sample what was recorded."""

import numpy as np
import pytest
from support.compress import by_name
from support.media import make

from lab.playback import media

pytestmark = pytest.mark.lg_feature("dsp-record")

DELAY, PADDING = 1105, 700


@pytest.fixture
def album(tmp_path, remote):
    """Files with nothing but packets on the board, and the client's arguments for them."""

    def album(*lengths, edges=(0, 0)):
        files, arguments = [], []
        for number, seconds in enumerate(lengths, 1):
            file = media.read(make(tmp_path / f"{number}.mp3", seconds=seconds))
            (tmp_path / "packets").write_bytes(file.payload)
            remote.put(tmp_path / "packets", f"/tmp/track{number}")
            files.append(file)
            arguments.append(f"/tmp/track{number},{edges[0]},{edges[1]}")
        return files, arguments

    return album


@pytest.mark.parametrize("order", [[], ["--early"]], ids=["drained first", "written first"])
def test_each_track_has_its_bytes(album, compress_client, recorded, order):
    files, arguments = album(2.0, 1.3, 0.2, 2.0)
    events = compress_client("album", *order, *arguments)
    records = recorded()
    assert [record.received for record in records] == [file.payload for file in files]
    assert [len(by_name(record.events, "eos")) for record in records] == [1] * 4
    assert all(record.stream["drained"] and record.stream["error"] is None for record in records)
    assert [record.stream["stream_id"] for record in records] == [1, 2, 1, 2]
    (drained,) = by_name(events, "drained")
    assert drained["copied_total"] == sum(len(file.payload) for file in files)
    assert drained["pcm_io_frames"] == sum(len(file.pcm) for file in files)


@pytest.mark.parametrize("order", [[], ["--early"]], ids=["drained first", "written first"])
def test_never_more_room_than_there_is(album, compress_client, recorded, order):
    ring = 4 * 8192
    files, arguments = album(3.1, 3.3, 3.7)
    events = compress_client("album", *order, *arguments)
    rooms = [event["avail"] for event in events if event["event"] in ("room", "ahead")]
    assert len(rooms) >= 2 and max(rooms) <= ring
    stamps = [event["copied_total"] for event in by_name(events, "track")]
    ends = np.cumsum([len(file.payload) for file in files])
    assert stamps[0] >= ends[0] and stamps[1] >= ends[1]
    if not order:
        assert rooms == [ring, ring] and stamps == list(ends[:2])
    assert [record.received for record in recorded()] == [file.payload for file in files]


@pytest.mark.parametrize("when", [[], ["--late-metadata"]], ids=["before", "after the first write"])
def test_the_edges_are_cut(album, compress_client, recorded, when):
    """What the encoder has put before and behind the music, of a single track too."""
    (file,), arguments = album(2.0, edges=(DELAY, PADDING))
    compress_client("album", *when, *arguments)
    (record,) = recorded()
    expected = file.pcm[DELAY : len(file.pcm) - PADDING]
    assert len(record.rendered) == len(expected)
    assert np.abs(record.rendered - expected).max() <= 2
    assert len(by_name(record.events, "silence")) == 2


@pytest.mark.parametrize("order", [[], ["--early"]], ids=["drained first", "written first"])
def test_an_album_is_one_piece(album, compress_client, recorded, order):
    """Each track loses its own edges; what is heard is as long as the music."""
    files, _ = album(1.5, 1.1, 1.4)
    edges = [(1105, 700), (529, 0), (0, 300)]
    arguments = [f"/tmp/track{n},{a},{b}" for n, (a, b) in enumerate(edges, 1)]
    events = compress_client("album", *order, *arguments)
    records = recorded()
    for file, record, (delay, padding) in zip(files, records, edges, strict=True):
        expected = file.pcm[delay : len(file.pcm) - padding]
        assert len(record.rendered) == len(expected)
        assert np.abs(record.rendered - expected).max() <= 2
    (drained,) = by_name(events, "drained")
    assert drained["pcm_io_frames"] == sum(len(record.rendered) for record in records)
    assert sum(record.stream["underruns"] for record in records) == 0


def test_the_next_client_finds_all_closed(album, compress_client, recorded, remote):
    """A client that leaves with the next track announced."""
    (first, second), arguments = album(2.0, 0.5)
    remote.run(f"timeout -s KILL 0.8 compress-client album --early {' '.join(arguments)}; true")
    compress_client("album", *arguments)
    assert [record.received for record in recorded()[-2:]] == [first.payload, second.payload]
