# SPDX-License-Identifier: MIT
"""The DSP restarts under PipeWire: the daemons live on, players go on or end, and the next file plays."""

import re

import pytest
from support.media import make
from support.pipewire import COMPRESS_SINK, ENVIRONMENT, sinks
from support.waiting import wait_for

from lab.playback import media

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])

PROCESSES = "pidof pipewire wireplumber; systemctl show --property=NRestarts --value pipewire wireplumber"
ORDER = "virtual-adsp --order"
#: More than the device takes, so that the player is not done yet when the DSP restarts.
LONG = {"seconds": 30, "options": ("-b:a", "320k")}
#: The device takes all of it at once, and then plays for long.
TAIL = {"seconds": 40, "rate": 16000, "channels": 1, "options": ("-b:a", "24k")}


@pytest.fixture
def player(remote):
    """Starts pw-cat with a file, and runs *steps* a second later; its exit code, once it has ended.

    All in one command: while the lab looks away, the board may have played the file to its end.
    """

    def start(path, steps):
        remote.put(path, "/tmp/lost.mp3")
        command = (
            f"{ENVIRONMENT} pw-cat --playback --encoded /tmp/lost.mp3 >/tmp/said 2>&1; echo $? >/tmp/code"
        )
        remote.run_check(f"rm -f /tmp/code; ({command}) >/dev/null 2>&1 </dev/null & sleep 1; {steps}")
        return code

    def code():
        wait_for(lambda: remote.run("test -s /tmp/code").code == 0)
        return int(remote.run_check("cat /tmp/code"))

    yield start
    remote.run("pidof pw-cat && kill $(pidof pw-cat)")


@pytest.fixture
def survived(remote, play, tmp_path):
    """Nothing crashed, nothing was restarted by hand or by itself, and the next file plays."""
    remote.run_check("dmesg --clear")
    processes = remote.run_check(PROCESSES)
    sink = sinks(remote)[COMPRESS_SINK]

    def survived():
        wait_for(lambda: sinks(remote).get(COMPRESS_SINK, sink) != sink)
        verdict = play(make(tmp_path / "next.mp3", seconds=3)).verdict
        assert verdict.error is None
        assert verdict.bytes_identical and verdict.drained
        assert verdict.frames_rendered == verdict.frames_expected
        assert remote.run_check(PROCESSES) == processes
        log = remote.run_check("dmesg")
        assert "Unable to handle" not in log and "WARNING" not in log and "BUG" not in log

    return survived


@pytest.mark.parametrize("order", ["pd-restart", "crash"])
def test_while_a_file_is_played(player, survived, recorded, tmp_path, order):
    """What the device held is lost. When it is back, the player goes on with what it has not sent yet."""
    path = make(tmp_path / "long.mp3", **LONG)
    payload = media.read(path).payload
    code = player(path, f"{ORDER} {order}")
    assert code() == 0
    # WirePlumber has probed the PCM devices meanwhile.
    before, after = [record for record in recorded() if record.stream["codec"] == "mp3"]
    assert payload.startswith(before.received)
    assert after.received and payload.endswith(after.received)
    assert after.stream["drained"]
    survived()


def test_while_the_end_is_played(player, survived, remote, tmp_path):
    """The graph is told. Nobody takes the rest for played, and the player ends when the device is back."""
    monitor = f"{ENVIRONMENT} pw-mon --no-colors >/tmp/mon 2>&1 </dev/null &"
    code = player(make(tmp_path / "tail.mp3", **TAIL), f"{monitor} sleep 12; {ORDER} crash")
    code()
    said = remote.run_check(
        "kill $(pidof pw-mon); while pidof pw-mon >/dev/null; do sleep 0.1; done; cat /tmp/mon"
    )
    assert re.search(r'state: "error"', said)
    survived()


def test_while_a_player_pauses(player, survived, tmp_path):
    steps = f"kill -TSTP $(pidof pw-cat); sleep 1; {ORDER} pd-restart; sleep 1; kill -CONT $(pidof pw-cat)"
    code = player(make(tmp_path / "long.mp3", **LONG), steps)
    assert code() == 0
    survived()
