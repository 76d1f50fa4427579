# SPDX-License-Identifier: MIT
"""What was flashed is what the board has and runs."""

import re

import pytest


@pytest.fixture
def manifest(plan):
    if plan is None or plan.manifest is None:
        pytest.skip("nothing was flashed in this session: set OFFLOAD_IMAGE")
    return plan.manifest


def test_the_board_answers_in_fastboot(in_fastboot):
    fastboot = in_fastboot.fastboot
    assert fastboot.getvar("product") == "sdm845"
    assert fastboot.getvar("has-slot:boot") == "yes"
    assert fastboot.getvar("current-slot") in ("a", "b")
    assert int(fastboot.getvar("partition-size:rootfs"), 16) > 1 << 30


def test_the_boot_partition_holds_the_image(remote, manifest):
    boot = manifest["artifacts"]["boot"]
    slot = remote.run_check("ls /dev/disk/by-partlabel")
    assert {"boot_a", "boot_b", "rootfs"} <= set(slot.split())
    digest = remote.run_check(f"head -c {boot['size']} /dev/disk/by-partlabel/boot_a | sha256sum").split()[0]
    assert digest == boot["sha256"]


def test_the_root_is_the_flashed_partition(remote):
    source = remote.run_check("findmnt --noheadings --output PARTLABEL,FSTYPE /").split()
    assert source == ["rootfs", "ext4"]


def test_the_kernel_is_the_manifests(remote, manifest):
    assert manifest["kernel"] in remote.run_check("uname -rv")


def test_the_image_is_what_its_bill_says(remote, manifest):
    """A sample of each kind: a package of Debian's, and a source that was built, with its patches."""
    if "parts" not in manifest:
        pytest.skip("the image is not of lab.debian: a Yocto build has an SPDX file instead")
    bill = manifest["parts"]
    assert {"systemd", "ffmpeg", "pipewire", "wireplumber", "kernel modules"} <= set(bill)
    assert bill["wireplumber"]["patches"] and bill["alsa-ucm-conf"]["patches"]
    assert all("sha256" in part or "commit" in part for part in bill.values())
    systemd = remote.run_check("systemctl --version").splitlines()[0]
    assert bill["systemd"]["version"] in systemd
    version = remote.run_check("pipewire --version").split()[-1]
    assert bill["pipewire"]["version"] == version
    assert bool(bill["pipewire"].get("patches")) == manifest["pipewire"]["patched"]


def test_others_may_not_read_the_servers_key(plan, manifest):
    (rootfs,) = [image.path for image in plan.images if image.partition == "rootfs"]
    assert rootfs.stat().st_mode & 0o077 == 0


def test_the_system_came_up(remote):
    assert remote.run_check("systemctl --failed --no-legend --plain").strip() == ""


#: Lines of the kernel's log that are known and harmless, each with the reason.
HARMLESS: list[str] = [
    # clocks and regulators of the real board that a virtual machine has not
]


@pytest.mark.afterwards
def test_the_kernel_does_not_complain(remote):
    """No oops, no warning with a stack trace."""
    log = remote.run_check("dmesg")
    trouble = re.compile(r"Oops|BUG:|WARNING:|Call trace|Unable to handle|Kernel panic")
    found = [line for line in log.splitlines() if trouble.search(line)]
    assert [line for line in found if not any(re.search(known, line) for known in HARMLESS)] == []


@pytest.mark.lg_feature("dsp-record")
def test_the_dsp_runs(remote):
    assert remote.run_check("systemctl is-active virtual-adsp").strip() == "active"
