# SPDX-License-Identifier: MIT
"""GStreamer's tools on the board, and what they must come to."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lab.drivers.remote import RemoteDriver, Result
from lab.playback import media
from lab.playback.record import Record
from lab.playback.verdict import Verdict, judge

#: Nothing may be worth a warning, but to those who look for the duration of Ogg, and at the tags of WMA.
ENVIRONMENT = (
    "export PIPEWIRE_RUNTIME_DIR=/run/pipewire GST_DEBUG_NO_COLOR=1"
    " GST_DEBUG=2,oggdemux:1,asfdemux:1,structure:1,default:1"
)
LAUNCH = "gst-launch-1.0 --quiet filesrc location={} ! parsebin ! pipewiresink"
#: playbin3, the default, does not ask the sink what it takes.
PLAY = "gst-play-1.0 --use-playbin2 --audiosink=pipewiresink {}"

#: gst-play shows the position all the time, and takes keys from a terminal only. Lines come with the uptime.
ON_A_TERMINAL = r"""
{{ {keys}; sleep 2; }} | script -qec "{command}" /dev/null |
while IFS= read -r -d $'\r' line; do read -r uptime _ </proc/uptime; echo "$uptime $line"; done
"""


def runner(remote: RemoteDriver) -> Callable[..., Result]:
    """Runs a command of GStreamer's tools on the board, with ``{}`` for the files there."""

    def run(command: str, *paths: Path, keys: str | None = None) -> Result:
        for path in paths:
            remote.put(path, f"/tmp/{path.name}")
        command = command.format(" ".join(f"/tmp/{path.name}" for path in paths))
        if keys:
            command = ON_A_TERMINAL.format(command=command, keys=keys)
        return remote.run("bash -s", stdin=f"{ENVIRONMENT}\n{command}", timeout=180)

    return run


def assert_silent(result: Result) -> None:
    """The command succeeded, and GStreamer had nothing to complain about."""
    output = result.stderr + result.text
    assert result.code == 0, output
    assert not [line for line in output.splitlines() if " WARN " in line or " ERROR " in line], output


def sent(path: Path) -> media.Media:
    """The packets that GStreamer's demuxer makes of a file, and with them what a decoder makes of these.

    qtdemux begins where the list of edits says that the music does: behind the frame that the encoder of AAC
    begins with, with which the first frame that is heard overlaps.
    """
    file = media.read(path)
    if file.codec == "aac" and path.suffix == ".m4a":
        return replace(file, packets=file.packets[1:])
    return file


def assert_whole(path: Path, records: list[Record]) -> Verdict:
    """Every byte arrived and every sample was rendered, without a gap."""
    verdict = judge(sent(path), records)
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained and verdict.underruns == 0
    assert verdict.frames_rendered == verdict.frames_expected
    return verdict
