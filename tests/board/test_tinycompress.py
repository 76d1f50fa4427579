# SPDX-License-Identifier: MIT
"""cplay and fcplay of tinycompress, where the image has them: its source is not on every mirror."""

import pytest
from support.media import make

from lab.playback import media
from lab.playback.verdict import TOLERANCE, compare_pcm

pytestmark = pytest.mark.lg_feature("dsp-record")


@pytest.fixture
def tool(remote, request):
    name = request.param
    if remote.run(f"command -v {name}").code:
        pytest.skip(f"{name} is not on this image")
    return name


PLAYS = [("cplay", "a.mp3"), ("fcplay", "a.mp3"), ("fcplay", "a.flac")]


@pytest.mark.parametrize(("tool", "name"), PLAYS, indirect=["tool"])
def test_it_plays(tool, name, remote, recorded, tmp_path):
    # Without an Info frame, which these tools would send as music.
    options = ("-write_xing", "0") if name.endswith("mp3") else ()
    file = media.read(make(tmp_path / name, seconds=4, options=options))
    remote.put(file.path, f"/tmp/{name}")
    remote.run_check(f"timeout 60 {tool} -c 0 -d 3 /tmp/{name}", timeout=90)
    (record,) = recorded()
    # These tools leave out as much of the tags and headers as they know of, and nothing else.
    assert file.path.read_bytes().endswith(record.received)
    assert record.received.endswith(file.payload)
    assert record.stream["drained"] and record.stream["underruns"] == 0
    comparison = compare_pcm(file, record.rendered, record.bits)
    assert (comparison.shift, len(record.rendered)) == (0, len(file.pcm))
    assert comparison.max_diff <= TOLERANCE[file.codec]
