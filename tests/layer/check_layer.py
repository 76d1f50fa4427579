# SPDX-License-Identifier: MIT
"""`make check-layer`: the Yocto Project's yocto-check-layer, all of its tests.

Most of them compute the tasks of a world of recipes: OpenEmbedded-Core's, and of the other layers what ours
has to do with. OFFLOAD_ALL_RECIPES=1 makes it that of all layers, which takes much longer.
"""

import subprocess
import sys

import bitbake

DEPENDENCIES = ("meta-oe", "meta-python", "meta-multimedia")


def main() -> int:
    """Run the check; its exit code is ours, 2 where it cannot run."""
    if reason := bitbake.why_not():
        print(f"check-layer: {reason}", file=sys.stderr)
        return 2
    files = ["kas/virtual.yml", "tests/layer/kas/feature-off.yml", "tests/layer/kas/core-only.yml"]
    files.append(bitbake.OFFLINE)
    if not bitbake.ALL_RECIPES:
        files.append("tests/layer/kas/core-world.yml")
    build = bitbake.configure("check-layer", *files, machine="qemuarm64")
    layers = [str(bitbake.FOLDER / "build/layers/meta-openembedded" / name) for name in DEPENDENCIES]
    # The second machine has the same processor: what both share must be built alike.
    command = ["yocto-check-layer", "--no-auto-dependency", "--machines", "virtual-db845c", "qemuarm64"]
    command += ["--dependency", *layers, "--", str(bitbake.LAYER)]
    return subprocess.run(
        [*build.user.prefix, *command], cwd=build.folder, env=build.environment(), check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
