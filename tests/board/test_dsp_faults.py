# SPDX-License-Identifier: MIT
"""The DSP fails in every way that it can, at every stage: nothing dies, and the next file is right.

OFFLOAD_LONG=1 runs them all, else those that differ most. What each did is added to ``faults.jsonl`` in the
run's folder, from which tests/fault_table.py makes the table in docs/faults.md.
"""

import json
import os
from dataclasses import dataclass

import pytest
from support.faults import FOLDER, KILLED, LIMIT_S, OOPS, strike
from support.media import make
from support.pipewire import COMPRESS_SINK, sinks
from support.waiting import wait_for

from lab.drivers.remote import RemoteError
from lab.playback import media
from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])

#: SHORT is played from what the device takes at once, LONG is not.
SHORT, LONG, FLAC, TRACKS = ["short.mp3"], ["long.mp3"], ["short.flac"], ["short.mp3", "short.mp3"]
#: Seconds of the board's time within which the next file must play.
RECOVERY_S = 15


@dataclass(frozen=True)
class Fault:
    """What is ordered, while what is played."""

    stage: str
    order: str  #: before the player starts
    files: list[str]
    steps: str = ""
    quick: bool = False
    name: str = ""  #: where it is the steps that order the fault

    def __str__(self) -> str:
        return f"{self.stage}: {self.name or self.order}"


def pausing(order: str = "") -> str:
    """The player pauses for some seconds; meanwhile a fault is ordered."""
    order = f"virtual-adsp --order 'fault now {order}'; sleep 1" if order else "sleep 1"
    return f"sleep 2; kill -TSTP $client; sleep 1; {order}; kill -CONT $client"


def later(*steps: tuple[float, str]) -> str:
    """Faults ordered while the player plays: seconds to wait, and what then."""
    return "; ".join(f"sleep {after}; virtual-adsp --order 'fault now {what}'" for after, what in steps)


def restarts(what: str) -> list[Fault]:
    """The DSP goes, or its audio part, at each stage."""
    return [
        Fault("idle", f"now {what}", []),
        Fault("opening", f"open:1 {what}", SHORT),
        Fault("opening", f"map:1 {what}", SHORT),
        Fault("opening", f"format:1 {what}", FLAC),
        Fault("prefilling", f"run:1 {what}", SHORT, quick=True),
        Fault("playing", f"write:8 {what}", LONG),
        Fault("playing", f"byte:100000 {what}", LONG),
        Fault("pausing", f"pause:1 {what}", LONG, pausing()),
        Fault("paused", "", LONG, pausing(what), name=what),
        Fault("resuming", f"run:2 {what}", LONG, pausing(), quick=True),
        Fault("draining", f"eos:1 {what}", SHORT),
        Fault("draining", f"ms:4500 {what}", SHORT),
        Fault("between tracks", f"open:2 {what}", TRACKS, quick=what == "crash"),
        Fault("between tracks", f"eos:1 {what}", TRACKS),
        Fault("closing", f"close:1 {what}", SHORT),
    ]


def answers(what: str, quick: str = "") -> list[Fault]:
    """Something befalls the answer to a command of each stage."""
    stages = [
        Fault("opening", "open:1", SHORT),
        Fault("opening", "map:1", SHORT),
        Fault("opening", "format:1", FLAC),
        Fault("prefilling", "run:1", SHORT),
        Fault("playing", "write:8", LONG),
        Fault("pausing", "pause:1", LONG, pausing()),
        Fault("resuming", "run:2", LONG, pausing()),
        Fault("draining", "eos:1", SHORT),
        Fault("between tracks", "open:2", TRACKS),
        Fault("closing", "close:1", SHORT),
        Fault("closing", "unmap:1", SHORT),
    ]
    return [
        Fault(at.stage, f"{at.order} {what}", at.files, at.steps, at.order.split(":")[0] in quick.split())
        for at in stages
    ]


FAULTS = [
    *restarts("crash"),
    *restarts("pd-restart"),
    *answers("lose", quick="open write eos"),
    *answers("late:10000", quick="open"),
    *answers("twice"),
    *answers("swap"),
    Fault("opening", "open:1+ lose", SHORT),
    Fault("opening", "open:1 status:1", SHORT),
    Fault("opening", "map:1 status:1", SHORT),
    Fault("opening", "format:1 status:3", FLAC, quick=True),
    Fault("prefilling", "run:1 status:1", SHORT),
    Fault("playing", "write:8 status:1", LONG, quick=True),
    Fault("playing", "write:8+ status:1", LONG),
    Fault("playing", "write:1+ twice", LONG, quick=True),
    Fault("playing", "write:1+ swap", LONG),
    Fault("pausing", "pause:1 status:1", LONG, pausing()),
    Fault("draining", "eos:1 status:1", SHORT),
    Fault("between tracks", "open:2 status:1", TRACKS),
    Fault("opening", "now no-memory", SHORT, quick=True),
    Fault("playing", "write:8 no-memory", LONG),
    Fault("between tracks", "eos:1 no-memory", ["short.mp3", "short.flac"]),
    Fault("playing", "write:1+ late:600", LONG),  # it runs dry, again and again
    Fault("playing", "", LONG, later((3, "clock:stop"), (10, "clock:run")), name="clock stops for 10 s"),
    Fault("playing", "", LONG, later((3, "clock:stop")), name="clock stops"),
    Fault("draining", "", SHORT, later((4, "clock:stop"), (10, "clock:run")), name="clock stops for 10 s"),
    Fault("draining", "", SHORT, later((4, "clock:stop")), name="clock stops"),
    Fault("playing", "", LONG, later((3, "clock:20000"), (3, "clock:-40000")), name="clock jumps"),
    Fault("playing", "", LONG, later((3, "clock:back")), name="clock runs backwards", quick=True),
    Fault("draining", "", SHORT, later((3, "clock:back")), name="clock runs backwards"),
]


@pytest.fixture(scope="module")
def next_file(tmp_path_factory):
    return make(tmp_path_factory.mktemp("faults") / "next.mp3", seconds=2)


@pytest.fixture
def files_on_board(remote, next_file, tmp_path):
    """Once for all tests, or anew where the board was started again."""
    if remote.run(f"test -e {FOLDER}/short.mp3").code:
        # the kernel's own guard against the use of freed memory; a 6.12 can begin it late
        kfence = "/sys/module/kfence/parameters/sample_interval"
        remote.run_check(f"mkdir -p {FOLDER}; [ ! -e {kfence} ] || echo 100 >{kfence}")
        remote.put(make(tmp_path / "short.mp3", seconds=6), f"{FOLDER}/short.mp3")
        remote.put(make(tmp_path / "short.flac", seconds=6), f"{FOLDER}/short.flac")
        remote.put(make(tmp_path / "long.mp3", seconds=30, options=("-b:a", "320k")), f"{FOLDER}/long.mp3")
    remote.put(next_file, f"{FOLDER}/next.mp3")


#: What is written down of a board that does not answer anymore.
HUNG = {
    "struck": True,
    "player": "killed",
    "player_s": float(LIMIT_S),
    "next_right": False,
    "next_after_s": 0.0,
    "daemons_live": False,
    "kernel_fine": False,
}


def note(folder, found):
    """Add what a fault did to the list for tests/fault_table.py, before a failure of the test can lose it."""
    with (folder / "faults.jsonl").open("a") as log:
        log.write(json.dumps(found) + "\n")


def selected():
    """The faults to try, with readable names."""
    everything = bool(os.environ.get("OFFLOAD_LONG"))
    return [pytest.param(fault, id=str(fault)) for fault in FAULTS if fault.quick or everything]


@pytest.mark.usefixtures("files_on_board")
@pytest.mark.parametrize("fault", selected())
def test_fault(fault, remote, in_shell, dsp, next_file, records, run_folder):
    found = {"stage": fault.stage, "fault": fault.name or fault.order}
    try:
        wait_for(lambda: COMPRESS_SINK in sinks(remote))
        result = strike(remote, fault.order, fault.files, fault.steps)
    except RemoteError:
        # Nobody answers anymore. The console may know why.
        note(run_folder, found | HUNG)
        in_shell.transition("off")
        raise
    after = [stream for stream in dsp.fetch_new(result.known, records) if stream.stream["codec"] != "pcm"]
    verdict = judge(media.read(next_file), after)
    right = verdict.error is None and bool(verdict.bytes_identical) and bool(verdict.drained)
    found |= {
        "struck": result.struck,
        "player": "killed" if result.code in KILLED else "error" if result.code else "went on",
        "player_s": round(result.played_s, 1),
        "next_right": right,
        "next_after_s": round(result.next_after_s, 1),
        "daemons_live": result.daemons_live,
        "kernel_fine": not OOPS.search(result.kernel),
    }
    note(run_folder, found)
    if not right or not found["kernel_fine"]:
        in_shell.transition("off")  # the tests after this one shall have a board that is whole
    assert result.struck, "the fault did not come to pass"
    assert not OOPS.search(result.kernel), result.kernel
    assert result.daemons_live
    assert result.code not in KILLED, "the player hung"
    assert result.next_code == 0, result.next_said
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained
    assert result.next_after_s <= RECOVERY_S
