# SPDX-License-Identifier: MIT
"""Build and install what the image needs of a meson project, not its tests, benchmarks and other modules.

usage: meson_install.py BUILD DESTDIR LEFT_OUT, where LEFT_OUT is a regular expression of target names.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

build, destination, left_out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), re.compile(sys.argv[3])


def introspect(what: str) -> Any:
    """What ``meson introspect`` says of the build."""
    command = ["meson", "introspect", f"--{what}", str(build)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


targets = [target for target in introspect("targets") if target["installed"]]
wanted = [target for target in targets if not left_out.search(target["name"])]
names = [Path(name).relative_to(build) for target in wanted for name in target["filename"]]
subprocess.run(["ninja", "-C", build, *names], check=True)

skipped = {name for target in targets if target not in wanted for name in target["filename"]}
for source, place in introspect("installed").items():
    source, place = Path(source), destination / place.lstrip("/")
    if str(source) in skipped or place.exists() or "/include/" in str(place):
        continue
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
    elif source.exists() or source.is_symlink():
        shutil.copy2(source, place, follow_symlinks=False)
        # The names under which a library is loaded are links beside it, which introspection leaves out.
        for link in source.parent.glob(f"{source.name.partition('.so')[0]}.so*"):
            if link.is_symlink():
                shutil.copy2(link, place.parent / link.name, follow_symlinks=False)
