# SPDX-License-Identifier: MIT
"""Cuts at random moments of flashing and booting: the board never boots half an image, and never needs more
than to be flashed again.
"""

import contextlib
import os
import re
import subprocess
import time

import pytest
from bench import LIMIT, Bench, Console
from samples import boot_image, ext4_head, write
from support.seeds import seeded

#: At least; more until each kind of outcome was seen.
ROUNDS = 50
MOST_ROUNDS = 500
#: Bytes of the root file system: receiving and writing it take about as long.
ROOTFS = 24 << 20


def contents(number):
    """The root file system of a generation: every block of it says which."""
    block = f"generation {number:8d}".encode().ljust(4096, b".")
    return ext4_head(ROOTFS) + block * (ROOTFS // 4096 - 1)


def cut_power(bench):
    bench.put("power", "/outlet/1", "0")
    return bench


def kill_board(bench):
    """The board's process dies, and somebody starts another on the same folder."""
    bench.kill()
    return Bench(bench.state)


class Client:
    """The stock client flashing one image after the other, and then booting them."""

    def __init__(self, bench, folder, number):
        boot = write(folder / f"boot{number}", boot_image(f"generation {number}").pack())
        rootfs = write(folder / f"rootfs{number}", contents(number))
        fastboot = f"fastboot -s tcp:127.0.0.1:{bench.info.ports['fastboot']}"
        self.process = subprocess.Popen(
            ["sh", "-c", f"{fastboot} flash boot {boot} && {fastboot} flash rootfs {rootfs}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def whole(self, seconds):
        """Whether it was done within that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds) == 0
        return False

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()


@pytest.fixture
def running(tmp_path):
    """Keeps the board's process of the moment, which a test may replace."""
    benches = [Bench(tmp_path / "board")]
    yield benches
    benches[-1].close()


def rootfs_of(bench):
    partition = bench.partition(*where(bench))
    return partition[:ROOTFS]


def where(bench):
    """Offset and size of the root file system's partition."""
    from lab.images import gpt

    with (bench.state / "disk.img").open("rb") as disk:
        (part,) = (part for part in gpt.read(disk) if part.name == "rootfs")
    return part.offset, ROOTFS


def after_a_cut(bench):
    """Switch it on, and let it do what it wants: the generation that boots, None where it does not."""
    bench.console.close()
    bench.put("power", "/outlet/1", "0")
    bench.console = Console(bench.info.ports["console"])
    bench.power(True)
    said = bench.console.until("fake machine, ", "fastboot mode")
    if said.endswith("fastboot mode"):
        assert re.search(r"(boot_a|rootfs): (interrupted flash, marked bad|bad boot magic)", said), said
        return None
    return int(re.search(r"booting sample: generation (\d+)", said)[1])


@pytest.mark.timeout(600)
def test_half_an_image_never_boots(running, tmp_path):
    chance = seeded()
    counts = {"new": 0, "old": 0, "refused": 0}
    running[-1].enter_fastboot()
    client = Client(running[-1], tmp_path, 0)
    started = time.monotonic()
    assert client.whole(LIMIT)
    needed = time.monotonic() - started
    boot = rootfs = number = 0  # the generation that each partition has
    while number < ROUNDS or (not all(counts.values()) and number < MOST_ROUNDS):
        number += 1
        bench = running[-1]
        bench.enter_fastboot()
        client = Client(bench, tmp_path, number)
        cut = chance.choice([cut_power, kill_board, None])
        if not client.whole(chance.uniform(0, 1.3 * needed)) and cut:
            running[-1] = bench = cut(bench)
        # Else only the client dies, and the power is cut after it.
        client.kill()
        booted = after_a_cut(bench)
        if booted is None:
            counts["refused"] += 1
            bench.enter_fastboot()
            assert Client(bench, tmp_path, number).whole(LIMIT), "it cannot even be flashed again"
            assert after_a_cut(bench) == number
            boot = rootfs = number
            continue
        # Each partition is as before, or as it was to become.
        assert booted in (boot, number)
        whole = [old for old in (rootfs, number) if rootfs_of(bench) == contents(old)]
        assert whole, "half an image boots"
        boot, rootfs = booted, whole[0]
        counts["new" if rootfs == number else "old"] += 1
    assert all(counts.values()), f"too few cuts fell into the middle, or all did: {counts}"
    assert {path.name for path in running[-1].state.iterdir()} <= {
        "board.json", "console.log", "disk.img", "lock", "machine", "nvram.json",
    }  # fmt: skip
