# SPDX-License-Identifier: MIT
"""`make check-layer`: the Yocto Project's yocto-check-layer, on every recipe of all layers; half an hour."""

import subprocess
import sys

import bitbake

OFFLINE = "tests/layer/kas/offline.yml"
DEPENDENCIES = ("meta-oe", "meta-python", "meta-multimedia")


def main() -> int:
    """Run the check; its exit code is ours, 2 where it cannot run."""
    if reason := bitbake.why_not():
        print(f"check-layer: {reason}", file=sys.stderr)
        return 2
    files = (
        "kas/virtual.yml",
        "tests/layer/kas/feature-off.yml",
        "tests/layer/kas/core-only.yml",
        OFFLINE,
    )
    build = bitbake.configure("check-layer", *files, machine="qemuarm64")
    layers = [str(bitbake.FOLDER / "build/layers/meta-openembedded" / name) for name in DEPENDENCIES]
    command = ["yocto-check-layer", "--no-auto-dependency", "--machines", "virtual-db845c"]
    command += ["--dependency", *layers, "--", str(bitbake.LAYER)]
    return subprocess.run(
        [*build.user.prefix, *command], cwd=build.folder, env=build.environment(), check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
