# SPDX-License-Identifier: MIT
"""The card is taken away while it plays, modules are unloaded, and the DSP fails again and again."""

import os
import re

import pytest
from support.faults import FOLDER, KILLED, NEXT, OOPS, strike
from support.media import make
from support.pipewire import COMPRESS_SINK, ENVIRONMENT, sinks
from support.waiting import wait_for

from lab.playback import media
from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])

#: The card's own, what is below it, and the DSP's link.
MODULES = (
    "snd_soc_sdm845 q6asm_dai q6asm q6routing q6adm q6afe_dai q6afe q6core apr "
    "snd_soc_qcom_common snd_soc_core snd_compress virtual_adsp"
)


@pytest.fixture
def assert_next_is_right(remote, dsp, records, tmp_path):
    """Puts the files on the board; afterwards, judges the file that was played last."""
    path = make(tmp_path / "next.mp3", seconds=2)
    remote.run_check(f"mkdir -p {FOLDER}")
    remote.put(path, NEXT)
    remote.put(make(tmp_path / "long.mp3", seconds=30, options=("-b:a", "320k")), f"{FOLDER}/long.mp3")
    wait_for(lambda: COMPRESS_SINK in sinks(remote))

    def assert_next_is_right(result):
        assert not OOPS.search(result.kernel), result.kernel
        assert result.daemons_live
        assert result.code not in KILLED, "the player hung"
        after = [stream for stream in dsp.fetch_new(result.known, records) if stream.stream["codec"] != "pcm"]
        verdict = judge(media.read(path), after)
        assert verdict.error is None and verdict.bytes_identical and verdict.drained

    return assert_next_is_right


def test_modules_are_not_unloaded_while_they_play(assert_next_is_right, remote):
    """The kernel refuses each of them, and the player does not notice."""
    result = strike(remote, "", ["long.mp3"], f"sleep 3; for m in {MODULES}; do rmmod $m; done")
    assert_next_is_right(result)
    said = remote.run_check(f"cat {FOLDER}/steps")
    assert len(re.findall("in use", said)) == len(MODULES.split()), said
    assert result.code == 0


@pytest.mark.parametrize(
    ("driver", "device"), [("msm-snd-sdm845", "sound"), ("virtual-adsp", "virtual-adsp")], ids=["card", "DSP"]
)
def test_what_is_taken_away_while_it_plays(assert_next_is_right, remote, driver, device):
    """The player waits for what comes back, and plays on."""
    unbind = f"cd /sys/bus/platform/drivers/{driver}; echo {device} >unbind; sleep 2; echo {device} >bind"
    result = strike(remote, "", ["long.mp3"], f"sleep 3; ({unbind})")
    assert remote.run_check(f"cat {FOLDER}/steps") == ""
    assert_next_is_right(result)
    assert result.code == 0


#: Plays a file with each fault, then without one until that succeeds.
CYCLES = f"""
export {ENVIRONMENT}
play() {{ timeout 60 pw-cat --playback --encoded {NEXT} >/dev/null 2>&1 </dev/null; }}
cycles() {{
    n=0
    while :; do
        for fault in "run:1 crash" "open:1 lose" "write:2 pd-restart" "write:2 status:1" "write:2 lose"; do
            [ $n -lt $1 ] || return 0
            n=$((n + 1))
            virtual-adsp --order "fault $fault" >/dev/null
            play
            virtual-adsp --order no-faults >/dev/null 2>&1
            tries=0
            until play; do tries=$((tries + 1)); [ $tries -lt 50 ] || return 1; sleep 0.2; done
            rm -rf /run/virtual-adsp/record/00*
        done
    done
}}
daemon=$(pidof -s pipewire)
count() {{
    sleep 8  # an idle device is closed after 5 s
    echo $(ls /proc/$daemon/fd | wc -l) $(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$daemon/status)
}}
"""


@pytest.mark.timeout(7200)
def test_nothing_leaks_where_the_dsp_fails_again_and_again(assert_next_is_right, remote):
    """500 times with OFFLOAD_LONG=1."""
    cycles = 500 if os.environ.get("OFFLOAD_LONG") else 10
    script = f"{CYCLES}\ncycles 5 && count && cycles {cycles} && count"
    before, after = remote.run_check(script, timeout=7000).splitlines()
    (fds, rss), (fds_after, rss_after) = (map(int, line.split()) for line in (before, after))
    assert fds_after <= fds
    assert rss_after - rss < 1024, "kilobytes that PipeWire keeps"
    assert_next_is_right(strike(remote, "", []))
