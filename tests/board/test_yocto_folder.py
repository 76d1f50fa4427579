# SPDX-License-Identifier: MIT
"""A Yocto deploy folder flashes and boots as it is: Yocto's names, links and gzip, the quick image inside."""

import gzip
import shutil

import pytest

from lab.environment import Board
from lab.flash import Plan

pytestmark = pytest.mark.own_board

MACHINE = "virtual-db845c"
STAMP = "20261122133141"


@pytest.fixture
def deploy(build_image, tmp_path):
    """What a build of compress-offload-image-dev leaves in tmp/deploy/images/virtual-db845c."""
    quick = build_image("patched")
    folder = tmp_path / MACHINE
    folder.mkdir()
    boot = f"boot-{MACHINE}--6.18.39+git-r0-{MACHINE}-{STAMP}.img"
    shutil.copyfile(quick / f"boot-{MACHINE}.img", folder / boot)
    for link in (f"boot-{MACHINE}-{MACHINE}.img", f"boot-{MACHINE}.img"):
        (folder / link).symlink_to(boot)
    name = f"compress-offload-image-dev-{MACHINE}.rootfs"
    with (
        (quick / "rootfs.ext4").open("rb") as plain,
        gzip.open(folder / f"{name}-{STAMP}.ext4.gz", "wb", compresslevel=1) as packed,
    ):
        shutil.copyfileobj(plain, packed, 1 << 20)
    (folder / f"{name}.ext4.gz").symlink_to(f"{name}-{STAMP}.ext4.gz")
    for other in ("Image.gz", f"{name}.manifest", f"{name}.testdata.json"):
        (folder / other).write_text("not for flashing\n")
    return folder


def test_it_is_flashed_and_boots(pytestconfig, strategy, build_image, deploy):
    board = Board.find(pytestconfig.option.board, instance="test-yocto")
    if not board.virtual:
        pytest.skip("the images in the folder are the virtual board's")
    plan = Plan.read(deploy, compatible=board.compatible, key=build_image("patched") / "id_ed25519")
    assert plan.manifest is None
    strategy.transition("off")  # two boards at once are slow
    board.remember(plan)
    board.start(outlive=False)
    try:
        environment = board.load()
        try:
            other = environment.get_target().get_driver("OffloadStrategy", activate=False)
            other.plan = plan
            other.transition("shell")
            assert other.remote.run_check("cat /proc/asound/card0/id") == "DB845c\n"
        finally:
            environment.cleanup()
    finally:
        board.stop()
