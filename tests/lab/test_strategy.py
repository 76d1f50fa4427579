# SPDX-License-Identifier: MIT
"""The strategy on a board whose machine only pretends: everything up to `booted`."""

import re

import deploy_folder
import pytest
from fake_process import fake_board
from labgrid.strategy import StrategyError

from lab import environment, flash
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
    assert flashed(way) == ["boot", "rootfs"]


def test_an_image_is_flashed_once_in_a_session(way, plan, tmp_path):
    way.plan = plan
    way.transition("booted")
    way.transition("off")
    way.transition("booted")
    assert flashed(way) == ["boot", "rootfs"]
    way.plan = Plan.read(deploy_folder.make(tmp_path / "other", cmdline="Linux version 1"))
    way.transition("off")
    way.transition("booted")
    assert flashed(way) == ["boot", "rootfs", "boot"]


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


def test_nothing_is_written_if_something_does_not_fit(way, plan, monkeypatch):
    way.plan = plan
    sizes = {"boot": 1 << 30, "rootfs": deploy_folder.ROOTFS - 1}
    monkeypatch.setattr(flash, "partition_size", lambda bootloader, partition: sizes[partition])
    with pytest.raises(StrategyError) as error:
        way.transition("flashed")
    assert isinstance(cause(error.value), FlashError)
    assert "rootfs.ext4 takes 1,048,576 bytes" in str(cause(error.value))
    assert not flashed(way)


def test_partition_sizes_are_the_boards(way):
    way.transition("fastboot")
    assert flash.partition_size(way.fastboot, "boot") == 64 << 20
    assert flash.partition_size(way.fastboot, "rootfs") == 3_582_912 << 10


def test_nothing_to_flash(way):
    with pytest.raises(StrategyError) as error:
        way.transition("flashed")
    assert "give a deploy folder" in str(cause(error.value))
