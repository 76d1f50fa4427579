# SPDX-License-Identifier: MIT
"""Power or machine are gone at a random moment of flashing, booting and playing: the tool says so in one
sentence, nothing is left running, and the board then plays right to the byte.

Three rounds, whose seed stays; OFFLOAD_LONG=1 makes it fifty with a seed of their own.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from random import Random

import pytest
from support.media import make
from support.seeds import seeded
from support.waiting import wait_for

from lab.environment import Board
from lab.paths import ROOT
from lab.virtual import client

LONG = "OFFLOAD_LONG" in os.environ
ROUNDS = 50 if LONG else 3

pytestmark = [pytest.mark.own_board, pytest.mark.timeout(0 if LONG else 900)]


class Desk:
    """An engineer's shell, with a virtual board and a build folder of its own."""

    def __init__(self, build, image):
        self.build, self.image = build, image
        self.state = build / "boards" / "virtual"
        self.song = make(build / "a.mp3", seconds=20)

    def start(self, *arguments):
        """Start ``offload-lab ARGUMENTS``."""
        return subprocess.Popen(
            [sys.executable, "-m", "lab", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"OFFLOAD_BUILD": str(self.build), "COLUMNS": "200"},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments):
        """Run ``offload-lab ARGUMENTS``, which must succeed; its output."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, out + err
        return out

    def power(self, on):
        url = f"http://127.0.0.1:{client.status(self.state).ports['power']}/outlet/1"
        urllib.request.urlopen(urllib.request.Request(url, b"01"[on : on + 1], method="PUT")).close()

    def cut_power(self):
        self.power(False)

    def kill_machine(self):
        """QEMU dies, as by the kernel's hand when memory is short."""
        for process in self.processes("qemu-system"):
            os.kill(process, signal.SIGKILL)

    def kill_board(self):
        """The board's process dies, and QEMU with it."""
        os.kill(client.status(self.state).pid, signal.SIGKILL)
        wait_for(lambda: client.status(self.state) is None)

    def processes(self, name):
        """Processes of that name about this board."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if name in words and str(self.state) in words:
                found.append(int(process.name))
        return found


@pytest.fixture(scope="module")
def desk(pytestconfig, strategy, plan, tmp_path_factory):
    if not Board.find(pytestconfig.option.board).virtual:
        pytest.skip("needs a virtual board: it has a process to kill, and no bootloader to lose")
    strategy.transition("off")  # two boards at once are slow
    desk = Desk(tmp_path_factory.mktemp("desk"), plan.folder)
    desk.run("board", "start")
    desk.run("flash", desk.image)
    yield desk
    client.stop(desk.state)


def plays(desk):
    """The verdict of playing the song."""
    verdict = desk.build / "verdict.json"
    desk.run("play", "--json", verdict, desk.song)
    (found,) = json.loads(verdict.read_text())
    return found


def begin(desk, stage):
    """What is going on when the cut comes, None where only the board does something."""
    match stage:
        case "flash":
            return desk.start("flash", "--all", desk.image)
        case "boot":
            desk.power(False)
            desk.power(True)
            return None
        case _:
            return desk.start("play", desk.song)


def test_cuts_at_random_moments(desk):
    chance = seeded() if LONG else Random(1)
    stages = ["flash", "boot", "play"]
    for number in range(ROUNDS):
        stage = stages[number % len(stages)]
        cut = chance.choice([desk.cut_power, desk.kill_machine, desk.kill_board])
        moment = chance.uniform(1, 15)
        print(f"round {number}: {stage}, {cut.__name__} after {moment:.2f} s")
        tool = begin(desk, stage)
        time.sleep(moment)
        cut()
        if tool:
            out, err = tool.communicate(timeout=600)
            print(tool.returncode, err)
            # 1: it failed on the way; 2: the board was gone before it began.
            assert tool.returncode in (0, 1, 2) and "Traceback" not in err, out + err
            if tool.returncode:
                # `play` has its reason below the table of verdicts.
                assert re.fullmatch(r"error: \S.*\n", err) or (not err and "failed" in out), out + err
        if client.status(desk.state) is None:
            wait_for(lambda: desk.processes("qemu-system") == [])
            desk.run("board", "start")
        desk.run("flash", desk.image)
        found = plays(desk)
        assert found["bytes_identical"] and found["pcm_max_diff"] <= 2, found
    desk.run("board", "stop")
    assert desk.processes("") == []
    assert {path.name for path in desk.state.iterdir()} <= {
        "board.log", "console.log", "disk.img", "id_ed25519", "in-use", "known_hosts", "lock", "machine",
        "manifest.json", "nvram.json",
    }  # fmt: skip
