# SPDX-License-Identifier: MIT
"""The strategy on a board whose machine only pretends: everything up to `booted`."""

import re

import deploy_folder
import pytest
from fake_process import fake_board
from labgrid.strategy import StrategyError
from samples import HARDWARE, boot_image, ext4_head, write

from lab import environment
from lab.environment import Board
from lab.flash import FlashError, Plan
from lab.strategy import BoardError, Status


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "board_folder", lambda name: tmp_path / "boards" / name)
    with fake_board(tmp_path / "boards" / "virtual"):
        yield Board.find("virtual")


@pytest.fixture
def way(board):
    loaded = board.load()
    way = loaded.get_target().get_driver("OffloadStrategy", activate=False)
    way.fastboot.log = board.folder / "fastboot.log"
    way.fastboot.log.touch()
    yield way
    loaded.cleanup()


@pytest.fixture
def plan(tmp_path):
    return Plan.read(deploy_folder.make(tmp_path / "deploy"))


def flashed(way):
    return re.findall(r"^\$ fastboot flash (\w+)", way.fastboot.log.read_text(), re.MULTILINE)


def cause(error):
    while error.__cause__:
        error = error.__cause__
    return error


def test_off_fastboot_flashed_booted(way, plan):
    seen = []
    way.plan = plan
    way.progress = lambda image, done, phase: seen.append((image.partition, done, phase))
    way.transition("off")
    assert way.power.get() is False
    way.transition("fastboot")
    assert way.fastboot.getvar("product") == "sdm845"
    assert way.vol_down.get() is False, "VOL- must not stay held, or no reset would boot"
    way.transition("flashed")
    assert seen[-1] == ("rootfs", deploy_folder.ROOTFS, "done")
    assert {phase for _, _, phase in seen} == {"sending", "writing", "done"}
    way.transition("booted")
    assert way.status == Status.booted
    assert flashed(way) == ["boot_a", "rootfs"]


def test_an_image_is_flashed_once_in_a_session(way, plan, tmp_path):
    way.plan = plan
    way.transition("booted")
    way.transition("off")
    way.transition("booted")
    assert flashed(way) == ["boot_a", "rootfs"]
    way.plan = Plan.read(deploy_folder.make(tmp_path / "other", cmdline="Linux version 1"))
    way.transition("off")
    way.transition("booted")
    assert flashed(way) == ["boot_a", "rootfs", "boot_a"]


def test_an_empty_board_says_that_it_must_be_flashed(way):
    way.transition("off")
    with pytest.raises(StrategyError) as error:
        way.transition("booted")
    assert isinstance(cause(error.value), BoardError)
    assert "stays in fastboot mode" in str(cause(error.value))


def test_a_kernel_that_says_nothing(way, tmp_path):
    way.plan = Plan.read(deploy_folder.make(tmp_path / "deploy", cmdline="quiet"))
    way.boot_timeout = 1
    with pytest.raises(StrategyError) as error:
        way.transition("booted")
    assert "shows no kernel within 1 s" in str(cause(error.value))
    with pytest.raises(StrategyError):  # and stays broken
        way.transition("off")


def test_nothing_is_written_if_something_does_not_fit(way, tmp_path):
    """The boot image comes first, and would fit."""
    folder = deploy_folder.make(tmp_path / "deploy")
    with (tmp_path / "large").open("wb") as large:
        large.write(ext4_head(3_582_916 << 10))
        large.truncate(3_582_916 << 10)
    way.plan = Plan.of_files([folder / "boot-virtual-db845c.img", f"rootfs={tmp_path / 'large'}"])
    with pytest.raises(StrategyError) as error:
        way.transition("flashed")
    assert isinstance(cause(error.value), FlashError)
    assert "large takes 3,668,905,984 bytes, the partition rootfs has 3,668,901,888" in str(
        cause(error.value)
    )
    assert not flashed(way)


def test_nothing_to_flash(way):
    with pytest.raises(StrategyError) as error:
        way.transition("flashed")
    assert "give a deploy folder" in str(cause(error.value))


def flash_both(way, plan, slot):
    way.plan, way.slot = plan, slot
    way.transition("flashed")
    return way.fastboot.getvar("current-slot")


def test_the_other_slot_becomes_the_active_one(way, plan):
    assert flash_both(way, plan, "b") == "b"
    assert flashed(way) == ["boot_b", "rootfs"]
    way.transition("booted")


def test_both_slots(way, plan):
    assert flash_both(way, plan, "both") == "a"
    assert flashed(way) == ["boot_a", "boot_b", "rootfs"]


def test_what_the_board_is_known_to_have_is_skipped(way, plan):
    seen = []
    way.plan = plan
    way.present = {"boot_a": plan.digests["boot"], "boot_b": plan.digests["boot"], "rootfs": "0" * 64}
    way.progress = lambda image, done, phase: seen.append((image.partition, phase))
    way.transition("flashed")
    assert flashed(way) == ["rootfs"]
    assert seen[0] == ("boot", "present")


@pytest.mark.parametrize("overrule", [False, True])
def test_an_image_for_another_board_needs_force(way, tmp_path, overrule):
    """The virtual bootloader refuses it, too: what counts is whether it was asked."""
    way.plan = Plan.of_files([write(tmp_path / "boot.img", boot_image(compatible=HARDWARE).pack())])
    way.overrule = overrule
    with pytest.raises(StrategyError) as error:
        way.transition("flashed")
    if overrule:
        assert "not for this board" in str(cause(error.value))
        assert flashed(way) == ["boot_a"]
    else:
        assert "--force overrules this" in str(cause(error.value))
        assert flashed(way) == []


def test_another_product_needs_force(way, plan):
    way.plan, way.product = plan, "sm8250"
    with pytest.raises(StrategyError) as error:
        way.transition("flashed")
    assert "the board is a sdm845, not a sm8250" in str(cause(error.value))
    assert flashed(way) == []


def test_the_state_of_the_board_is_told(way, plan):
    assert way.state_of_board() == "nothing was written to the board"
    way.plan = plan
    original = type(way.fastboot).flash

    def interrupted(self, partition, filename):
        if partition == "rootfs":
            raise KeyboardInterrupt
        original(self, partition, filename)

    type(way.fastboot).flash = interrupted
    try:
        with pytest.raises(KeyboardInterrupt):
            way.transition("flashed")
    finally:
        type(way.fastboot).flash = original
    assert way.state_of_board().startswith("boot_a is written, rootfs is incomplete: flash it again")


def test_the_console_is_read_while_an_image_is_sent(way, plan, monkeypatch):
    """What a bootloader prints, and dies of, belongs into the log before the transfer ends."""
    reads = []
    monkeypatch.setattr("lab.drivers.fastboot._TICK_S", 0)  # the images are small, and sent at once
    original = way.drain_console
    monkeypatch.setattr(way, "drain_console", lambda: (reads.append(way.writing), original()))
    way.plan = plan
    way.transition("flashed")
    assert "boot_a" in reads or "rootfs" in reads
