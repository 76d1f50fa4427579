# SPDX-License-Identifier: MIT
"""The card is taken away, modules are unloaded, memory runs out, and the DSP fails again and again."""

import os
import re

import pytest
from support.faults import FOLDER, KILLED, NEXT, OOPS, strike
from support.media import make
from support.pipewire import COMPRESS_SINK, ENVIRONMENT, held, sinks
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


#: Some players, one after the other, on a board without memory for its DSP.
STARVED = f"""
export {ENVIRONMENT}
virtual-adsp --order "fault now no-memory" >/dev/null
for n in 1 2 3 4 5; do
    timeout 60 pw-cat --playback --encoded {NEXT} 2>&1 </dev/null
    echo "ends with $?"
done
"""


def test_there_is_no_memory_to_play_from(assert_next_is_right, remote):
    """Each player is told in one line, and nothing is left of it."""
    remote.run_check(STARVED, timeout=300)  # whatever is loaded when it is first needed
    before = held(remote).fds
    said = remote.run_check(STARVED, timeout=300).splitlines()
    wait_for(lambda: held(remote).fds <= before)
    assert said[1::2] == ["ends with 1"] * 5
    assert all(line.endswith("(Cannot allocate memory)") for line in said[::2]), said
    assert_next_is_right(strike(remote, "", []))


def test_there_is_no_memory_for_a_card_that_comes_back(assert_next_is_right, remote):
    """Its PCM front ends want theirs at once: there is no card, until the DSP comes anew."""
    orders = ["fault now no-memory", "pd-restart"]
    remote.run_check("dmesg --clear; " + "; ".join(f"virtual-adsp --order '{order}'" for order in orders))
    wait_for(lambda: "can't create pcm" in remote.run_check("dmesg"))
    wait_for(lambda: COMPRESS_SINK not in sinks(remote))
    assert "no soundcards" in remote.run_check("cat /proc/asound/cards")
    remote.run_check("virtual-adsp --order no-faults; virtual-adsp --order pd-restart")
    wait_for(lambda: COMPRESS_SINK in sinks(remote))
    kernel = remote.run_check("dmesg")
    assert not OOPS.search(kernel), kernel
    assert_next_is_right(strike(remote, "", []))


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
            rm -rf /run/virtual-adsp/record/[0-9]*
        done
    done
}}
daemon=$(pidof -s pipewire)
count() {{
    while ls -l /proc/$daemon/fd | grep -q /dev/snd/compr; do sleep 0.5; done  # for 5 s and more
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
