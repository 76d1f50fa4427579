# SPDX-License-Identifier: MIT
"""Writing one image through a bootloader that misbehaves, and single images as a plan."""

import gzip

import deploy_folder
import pytest
from samples import boot_image, ext4_head, write

from lab.drivers.fastboot import FastbootError, FastbootLinkError
from lab.flash import RETRIES, Plan, PlanError, flash
from lab.images.deploy import Image


class Bootloader:
    """Loses the link *drops* times, then obeys or refuses."""

    def __init__(self, drops=0, refusal=""):
        self.listener = None
        self.drops, self.refusal = drops, refusal
        self.calls, self.waits = [], 0

    def flash(self, partition, filename):
        self.calls.append(partition)
        if len(self.calls) <= self.drops:
            self.listener("Sending 'boot_a' (4 KB)")
            raise FastbootLinkError("Write to device failed")
        if self.refusal:
            raise FastbootError(self.refusal)

    def await_answer(self):
        self.waits += 1


@pytest.fixture
def image(tmp_path):
    path = write(tmp_path / "boot.img", boot_image().pack())
    return Image("boot", path, path.stat().st_size)


def test_a_lost_link_is_tried_again(image):
    board, phases = Bootloader(drops=RETRIES), []
    flash(board, image, "boot_b", lambda image, done, phase: phases.append((done, phase)))
    assert board.calls == ["boot_b"] * (RETRIES + 1)
    assert board.waits == RETRIES
    assert phases[-1] == (image.size, "done")


def test_but_not_for_ever(image):
    board = Bootloader(drops=RETRIES + 1)
    with pytest.raises(FastbootLinkError):
        flash(board, image)
    assert len(board.calls) == RETRIES + 1
    assert board.listener is None


def test_a_refusal_is_not_tried_again(image):
    board = Bootloader(refusal="no such partition")
    with pytest.raises(FastbootError, match="no such partition"):
        flash(board, image)
    assert board.calls == ["boot"]


def test_single_images_tell_their_partitions(tmp_path):
    boot = write(tmp_path / "a", boot_image().pack())
    rootfs = write(tmp_path / "b.gz", gzip.compress(ext4_head(1 << 20) + bytes((1 << 20) - 4096)))
    plan = Plan.of_files([rootfs, boot])
    assert [(image.partition, image.path) for image in plan.images] == [("rootfs", rootfs), ("boot", boot)]
    assert plan.images[0].size == 1 << 20
    assert plan.objections == ()


def test_a_file_of_no_known_kind(tmp_path):
    with pytest.raises(PlanError, match="neither an Android boot image nor an ext4 file system"):
        Plan.of_files([write(tmp_path / "text", b"hello" * 1000)])


def test_a_file_for_the_wrong_partition_is_an_objection(tmp_path):
    path = write(tmp_path / "root", ext4_head(1 << 20) + bytes((1 << 20) - 4096))
    plan = Plan.of_files([f"boot={path}"])
    assert plan.images[0].size == 1 << 20
    assert "bad boot magic" in plan.objections[0]


def test_two_files_for_one_partition(image):
    with pytest.raises(PlanError, match="more than one image is for boot"):
        Plan.of_files([image.path, image.path])


def test_a_missing_file(tmp_path):
    with pytest.raises(PlanError, match="cannot read"):
        Plan.of_files([f"boot={tmp_path / 'missing'}"])


def test_a_build_folder_has_a_deploy_folder(tmp_path):
    deploy = tmp_path / "tmp" / "deploy" / "images" / "virtual-db845c"
    deploy_folder.make(deploy)
    assert Plan.read(tmp_path).folder == deploy
    (deploy.parent / "qcom-armv8a").mkdir()
    with pytest.raises(PlanError, match="images for several machines: name one of"):
        Plan.read(tmp_path)
