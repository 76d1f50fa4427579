# SPDX-License-Identifier: MIT
"""No service of the layer loses the bounds that it is kept in. Whether they hold is seen on the board."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "meta-compress-offload"
UNITS = sorted(path for path in LAYER.rglob("*.service") if path.is_file())
DROP_INS = sorted(LAYER.rglob("*.service.d"))
SERVICES = [path.name for path in UNITS] + [path.name.removesuffix(".d") for path in DROP_INS]

#: Tenths of what `systemd-analyze security` calls exposure; from 5.0 on it says MEDIUM, a bare unit has 9 and
#: more. One that does without any of the larger lines is above it.
THRESHOLD = 22


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The layer's units; where it has drop-ins alone, a bare unit for them: they do it by themselves."""
    folder = tmp_path / "usr/lib/systemd/system"
    folder.mkdir(parents=True)
    for drop_in in DROP_INS:
        shutil.copytree(drop_in, folder / drop_in.name)
        unit = folder / drop_in.name.removesuffix(".d")
        unit.write_text("[Service]\nExecStart=/usr/bin/true\nUser=nobody\n")
    for unit in UNITS:
        shutil.copy(unit, folder)
    return folder


def assess(units: Path, service: str) -> tuple[bool, str]:
    """Whether the service stays below the threshold, and what systemd-analyze says."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: it comes with systemd")
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--root={units.parents[3]}"]
    result = subprocess.run(
        [*command, f"--threshold={THRESHOLD}", service], capture_output=True, text=True, check=False
    )
    text = result.stdout + result.stderr
    if "Overall exposure level" not in text:
        pytest.skip(f"systemd-analyze cannot look at a folder of units: {text.strip().splitlines()[-1:]}")
    return result.returncode == 0, text


def test_there_are_services() -> None:
    assert {"pipewire.service", "virtual-adsp.service", "wireplumber.service"} <= set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_kept_in_bounds(units: Path, service: str) -> None:
    good, text = assess(units, service)
    assert good, text


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("line", ["SystemCallFilter", "CapabilityBoundingSet", "RestrictNamespaces"])
def test_one_that_loses_a_line_is_noticed(units: Path, service: str, line: str) -> None:
    for file in [units / service, *(units / f"{service}.d").glob("*.conf")]:
        if file.exists():
            file.write_text(re.sub(rf"^{line}=.*\n", "", file.read_text(), flags=re.MULTILINE))
    good, text = assess(units, service)
    assert not good, text
