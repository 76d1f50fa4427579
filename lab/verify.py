# SPDX-License-Identifier: MIT
"""Is what runs what was flashed? Asked of the running board, and held against the images themselves."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from lab.drivers.remote import RemoteDriver
from lab.errors import LabError
from lab.flash import Plan
from lab.images import ImageError
from lab.images.androidboot import BootImage
from lab.images.deploy import Image
from lab.preflight import Write

#: Where a root file system remembers the SHA-256 of the image it was flashed from. Its own bytes change from
#: the first boot on, so only such a note can tell.
STAMP = "/var/lib/offload-lab/rootfs.sha256"
_PARTITIONS = "/dev/disk/by-partlabel"


class VerifyError(LabError):
    """The board runs something else than what was flashed."""


@dataclass(frozen=True)
class Check:
    """One comparison."""

    what: str
    wanted: str
    found: str

    @property
    def good(self) -> bool:
        """Whether the board has what was wanted."""
        return self.wanted == self.found


def installed(remote: RemoteDriver, images: Sequence[Image]) -> dict[str, str]:
    """What the running board says that it has: SHA-256 of image files by full partition name.

    The boot partitions are read as far as the image goes; the root file system has its note (STAMP), which
    says what it was, not that nothing has been changed in it since. Raises RemoteError.
    """
    script = [f'[ ! -r {STAMP} ] || echo "rootfs $(cat {STAMP})"']
    for image in images:
        if image.partition == "boot":
            script.append(
                f"for part in {_PARTITIONS}/boot_[ab]; do "
                f'echo "${{part##*/}} $(head -c {image.size} "$part" | sha256sum)"; done'
            )
    lines = (line.split() for line in remote.run("\n".join(script), timeout=300).text.splitlines())
    return {line[0]: line[1] for line in lines if len(line) >= 2 and re.fullmatch("[0-9a-f]{64}", line[1])}


def verify(remote: RemoteDriver, plan: Plan, writes: Sequence[Write] = ()) -> list[Check]:
    """Compare the running kernel, the machine and the partitions with the images. Raises RemoteError.

    *writes*: what was written to which partition; its boot partitions are read back whole.
    """
    checks = []
    for image in plan.images:
        if image.partition == "boot":
            checks += _kernel(remote, image)
    if kernel := (plan.manifest or {}).get("kernel"):
        running = remote.run_check("uname -rv").strip()
        checks.append(Check("kernel of the manifest", kernel, kernel if kernel in running else running))
    # Read as many bytes as each image has; the partition of the running root has changed since.
    boots = [write for write in writes if write.image.partition == "boot"]
    if boots:
        found = installed(remote, [boots[0].image])
        checks += [Check(write.partition, write.sha256, found.get(write.partition, "-")) for write in boots]
    return checks


def _kernel(remote: RemoteDriver, image: Image) -> list[Check]:
    try:
        boot = BootImage.parse(image.path)
        compatible, banners = boot.compatible, _banners(boot.image())
    except ImageError:
        return []  # flashed by force: there is nothing to compare with
    tree = remote.run_check("tr '\\0' ' ' < /proc/device-tree/compatible").split()
    checks = [Check("machine (device tree)", " ".join(compatible), " ".join(tree))]
    if banners:
        running = remote.run_check("cat /proc/version").strip()
        checks.append(Check("running kernel", running if running in banners else banners[0], running))
    return checks


def _banners(kernel: bytes) -> list[str]:
    """What /proc/version may say: linux_banner of init/version-timestamp.c, which ends with a new line.

    A kernel holds a second one, from before its build number was known.
    """
    return [
        found[0].decode(errors="replace").strip()
        for found in re.finditer(rb"Linux version [^%\0\n]+ \([^\0\n]+\n", kernel)
    ]


def stamp(remote: RemoteDriver, plan: Plan) -> None:
    """Leave the note about the root file system on the board, for `installed`; a read-only one has none."""
    if digest := plan.digests.get("rootfs"):
        folder = shlex.quote(STAMP.rpartition("/")[0])
        remote.run(f"mkdir -p {folder} && echo {digest} > {STAMP} && sync {STAMP}")


def check_all(checks: Sequence[Check]) -> None:
    """Raises VerifyError naming what differs."""
    if wrong := [f"{check.what} is {check.found}, not {check.wanted}" for check in checks if not check.good]:
        raise VerifyError(f"the board does not run what was flashed: {'; '.join(wrong)}")
