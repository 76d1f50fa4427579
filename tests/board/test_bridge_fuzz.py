# SPDX-License-Identifier: MIT
"""The DSP has gone mad: what it sends into the bridge module, and through it into the drivers, harms nobody.

The DSP model does it ("fault WHEN garbage:SEED", garbage.c): bursts of its own answers, damaged, and of
random bytes, while players open, play and close, and while the drivers start. Some thousand packets, 100,000
with OFFLOAD_LONG=1 or ``make fuzz FUZZ_ARGS=bridge``; OFFLOAD_SEED=N repeats a run.
"""

import json
import os
from random import Random

import pytest
from support.faults import OOPS, RESTART
from support.media import make
from support.pipewire import COMPRESS_SINK, ENVIRONMENT, sinks
from support.seeds import seeded
from support.waiting import wait_for

#: Packets of one strike: GARBAGE_BURST of the DSP model.
BURST = 100
#: Not the folder of the tests of faults: their files are others.
FOLDER = "/tmp/mad"
CASES = int(os.environ.get("OFFLOAD_CASES") or (100_000 if os.environ.get("OFFLOAD_LONG") else 3_000))
#: The quick set is always the same one: new cases are for ``make fuzz``.
LONG = {"OFFLOAD_LONG", "OFFLOAD_CASES", "OFFLOAD_SEED"} & set(os.environ)

pytestmark = [
    pytest.mark.lg_feature(["dsp-record", "dsp-control"]),
    pytest.mark.timeout(0 if LONG else 900),
]

#: When: at commands of a stream, and every 100 ms of what the player does.
MOMENTS = ("open:1+", "map:1+", "run:1+", "write:1+", "eos:1+", "close:1+", "unmap:1+", "format:1+")
#: Who plays; the drivers have two ways for data.
PLAYERS = (
    f"pw-cat --playback --encoded {FOLDER}/short.mp3",
    f"pw-cat --playback --encoded {FOLDER}/short.flac",
    f"pw-cat --playback {FOLDER}/short.wav",
)
#: What else happens to the drivers while they are fed.
EVENTS = ("true", "true", "virtual-adsp --order pd-restart")

#: A round. What the player says does not matter; that it ends is for the tests of faults. The kernel's words
#: for each packet would drown the console.
ROUND = f"""
export {ENVIRONMENT}
dmesg -n 1
order() {{ virtual-adsp --order "$*" >/dev/null 2>&1; }}
order fault @WHEN@ garbage:@SEED@
for n in 1 2 3 4 5 6 7 8 9 10; do order fault ms:${{n}}00 garbage:@SEED@$n; done
timeout --kill-after=5 12 @PLAYER@ >/dev/null 2>&1 </dev/null &
sleep 0.@PAUSE@
@EVENT@ >/dev/null 2>&1
wait
virtual-adsp --order faults
order no-faults
cat /proc/sys/kernel/tainted
"""
#: The kernel tells of damage by these bits (Documentation/admin-guide/tainted-kernels): BAD_PAGE (KFENCE
#: too), DIE, WARN, SOFTLOCKUP.
DAMAGE = 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14


@pytest.fixture
def fed(remote, in_shell, tmp_path):
    """A board with files, and a kernel that looks at its memory. A damaged kernel is not left to others."""
    kfence = "/sys/module/kfence/parameters/sample_interval"
    remote.run_check(f"mkdir -p {FOLDER}; dmesg --clear; [ ! -e {kfence} ] || echo 20 >{kfence}")
    for name in ("short.mp3", "short.flac", "short.wav"):
        remote.put(make(tmp_path / name, seconds=3), f"{FOLDER}/{name}")
    yield remote
    remote.run("dmesg -n 4")
    if int(remote.run_check("cat /proc/sys/kernel/tainted")) & DAMAGE:
        in_shell.transition("off")


def test_a_mad_dsp_harms_nobody(fed, play, tmp_path, run_folder):
    remote, chance, sent, rounds = fed, seeded() if LONG else Random(1), 0, 0
    while sent < CASES:
        values = {
            "WHEN": chance.choice(MOMENTS),
            "SEED": str(chance.randrange(1, 10**9)),
            "PLAYER": chance.choice(PLAYERS),
            "PAUSE": str(chance.randrange(10)),
            "EVENT": chance.choice(EVENTS),
        }
        script = ROUND
        for name, value in values.items():
            script = script.replace(f"@{name}@", value)
        said = remote.run(script, timeout=300)
        rounds += 1
        *answer, taint = said.text.splitlines()
        log = remote.run_check("dmesg")
        (run_folder / "bridge-fuzz.dmesg").write_text(log)
        assert not int(taint) & DAMAGE, f"after {sent} packets, {values}: {OOPS.findall(log)}\n{log[-6000:]}"
        assert not OOPS.search(log), log
        # none, where the DSP was still down: the drivers may wait for it for long
        strikes = sum(fault["struck"] for fault in json.loads(answer[0])["faults"]) if answer else 0
        sent += strikes * BURST
        assert rounds < 10 + CASES // 500, "hardly any garbage is sent"
        remote.run_check(f"dmesg --clear; {RESTART}", timeout=120)
        wait_for(lambda: COMPRESS_SINK in sinks(remote))
        print(f"{sent} packets, {rounds} rounds", flush=True)
        (run_folder / "bridge-fuzz.json").write_text(json.dumps({"packets": sent, "rounds": rounds}))
    said = remote.run("journalctl --unit virtual-adsp --output cat | grep '^virtual-adsp: garbage'").text
    assert said == "", "what the bridge module allows or refuses"
    verdict = play(make(tmp_path / "next.mp3", seconds=2)).verdict
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained
