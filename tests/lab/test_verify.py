# SPDX-License-Identifier: MIT
"""What a running board says that it runs, against the images: the board here is a few canned answers."""

import gzip

import pytest
from samples import boot_image, dtb, ext4_head, kernel, write

from lab.drivers.remote import Result
from lab.flash import Plan
from lab.images.androidboot import BootImage
from lab.preflight import Write
from lab.verify import STAMP, VerifyError, check_all, installed, verify

BANNER = "Linux version 6.12.107 (build@host) (gcc 14) #1 SMP Debian"


class Board:
    """Answers commands by their first words; anything else is empty."""

    def __init__(self, **answers):
        self.answers = {
            "tr": "thundercomm,db845c qcom,sdm845 linux,dummy-virt ",
            "cat": BANNER + "\n",
            "uname": "6.12.107 #1 SMP\n",
            **answers,
        }

    def run(self, command, timeout=60):
        self.last = command
        return Result(0, self.answers.get("installed", "").encode(), "")

    def run_check(self, command, timeout=60):
        return self.answers[command.split()[0]]


@pytest.fixture
def plan(tmp_path):
    early = BANNER.replace("#1", "#").encode() + b"\n\0"
    image = kernel() + early + BANNER.encode() + b"\n\0" + b"Linux version %s (%s)\n"
    boot = BootImage(gzip.compress(image, mtime=0), dtb(), b"", "quiet", "sample")
    return Plan.of_files(
        [
            write(tmp_path / "boot.img", boot.pack()),
            write(tmp_path / "rootfs", ext4_head(1 << 20) + bytes((1 << 20) - 4096)),
        ]
    )


def wrong(checks):
    return [check.what for check in checks if not check.good]


def test_all_is_right(plan):
    checks = verify(Board(), plan)
    assert [check.what for check in checks] == ["machine (device tree)", "running kernel"]
    assert wrong(checks) == []
    check_all(checks)


def test_another_kernel_runs(plan):
    checks = verify(Board(cat="Linux version 6.6.1 (x) (y) #1\n"), plan)
    assert wrong(checks) == ["running kernel"]
    with pytest.raises(
        VerifyError, match=r"running kernel is Linux version 6\.6\.1 .*, not Linux version 6\.12"
    ):
        check_all(checks)


def test_another_machine(plan):
    assert wrong(verify(Board(tr="raspberrypi,4 "), plan)) == ["machine (device tree)"]


def test_a_manifest_names_the_kernel_too(plan):
    object.__setattr__(plan, "manifest", {"kernel": "6.18.1"})
    assert wrong(verify(Board(), plan)) == ["kernel of the manifest"]


def test_boot_partitions_are_read_back(plan):
    boot = plan.images[0]
    writes = [Write(f"boot_{slot}", boot, plan.digests["boot"]) for slot in "ab"]
    board = Board(installed=f"boot_a {plan.digests['boot']} -\nboot_b {'0' * 64} -\n")
    assert wrong(verify(board, plan, writes)) == ["boot_b"]
    assert f"head -c {boot.size} " in board.last


def test_what_is_installed(plan):
    board = Board(installed=f"rootfs {'1' * 64}\nboot_a {'2' * 64} -\nboot_b damaged -\nnonsense\n")
    assert installed(board, plan.images) == {"rootfs": "1" * 64, "boot_a": "2" * 64}
    assert STAMP in board.last


def test_a_forced_boot_image_cannot_be_compared(tmp_path):
    plan = Plan.of_files([f"boot={write(tmp_path / 'x', b'no boot image' * 1000)}"])
    assert verify(Board(), plan) == []


def test_the_sample_kernel_has_no_banner(tmp_path):
    plan = Plan.of_files([write(tmp_path / "boot.img", boot_image().pack())])
    assert [check.what for check in verify(Board(), plan)] == ["machine (device tree)"]
