# SPDX-License-Identifier: MIT
"""cplay and fcplay of tinycompress, where the image has them: its source is not on every mirror.

cplay knows MP3, AAC in ADTS, and PCM and IEC 61937, which the device does not list. fcplay sends files as
they are, and fills in what MP3, FLAC and AAC in ADTS need; the latter not up to 1.2.13, and not without the
decoder in libavformat.
"""

import pytest
from support.codec_cases import AAC
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


PLAYS = [("cplay", "a.mp3"), ("cplay", "a.aac"), ("fcplay", "a.mp3"), ("fcplay", "a.flac")]

#: MP3 without an Info frame, which these tools would send as music.
ENCODER = {".mp3": ("-write_xing", "0"), ".aac": AAC}


@pytest.mark.parametrize(("tool", "name"), PLAYS, indirect=["tool"])
def test_it_plays(tool, name, remote, recorded, tmp_path):
    path = tmp_path / name
    file = media.read(make(path, seconds=4, options=ENCODER.get(path.suffix, ())))
    remote.put(file.path, f"/tmp/{name}")
    codec = "-I AAC" if path.suffix == ".aac" else ""
    remote.run_check(f"timeout 60 {tool} -c 0 -d 3 {codec} /tmp/{name}", timeout=90)
    (record,) = recorded()
    # These tools leave out as much of the tags and headers as they know of, and nothing else.
    assert file.path.read_bytes().endswith(record.received)
    assert record.received.endswith(file.payload)
    assert record.stream["drained"] and record.stream["underruns"] == 0
    comparison = compare_pcm(file, record.rendered, record.bits)
    assert (comparison.shift, len(record.rendered)) == (0, len(file.pcm))
    assert comparison.max_diff <= TOLERANCE[file.codec]
