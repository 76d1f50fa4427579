# SPDX-License-Identifier: MIT
"""What pip installs: nothing that requirements.txt does not know by version and hash."""

import re
import shutil
import subprocess
import tomllib

import pytest

from lab.paths import ROOT

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_TEXT = (ROOT / "requirements.txt").read_text()


def normal(name):
    """As PyPA's specification of names has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(("file", "least"), [("requirements.txt", 50), ("lab/lock.txt", 1)])
def test_every_version_has_its_hashes(file, least):
    text = re.sub(r"^#.*\n", "", (ROOT / file).read_text(), flags=re.MULTILINE).strip()
    entries = re.split(r"\n(?=\S)", text)
    assert len(entries) >= least
    for entry in entries:
        first, *hashes = entry.split("\\\n")
        assert re.fullmatch(r"[\w.-]+==[\w.]+ (; .+ )?", first), first
        assert hashes and all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64} ?", line) for line in hashes), (
            entry
        )


def test_the_projects_own_pins():
    locked = {
        normal(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", _TEXT, re.MULTILINE)
    }
    project = _PROJECT["project"]
    wanted = [*project["dependencies"], *_PROJECT["build-system"]["requires"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    for requirement in wanted:
        name, version = requirement.split("==")
        assert locked[normal(name)] == version


def test_the_lock_is_made_by_a_tool_that_is_locked(tmp_path):
    """lock.sh where uv is not the file that lock.txt knows."""
    for name in ("pyproject.toml", "requirements.txt", "lab/lock.sh", "lab/lock.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    tool = tmp_path / "build/lock/bin"
    tool.mkdir(parents=True)
    (tool / "python").write_text('#!/bin/sh\necho "$*" >> asked\nexit 1\n')
    (tool / "uv").write_text("#!/bin/sh\ntouch uv-ran\n")
    for file in tool.iterdir():
        file.chmod(0o755)
    result = subprocess.run(["sh", "lab/lock.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert asked.endswith("--require-hashes -r lab/lock.txt")
    assert not (tmp_path / "uv-ran").exists()
    assert (tmp_path / "requirements.txt").read_text() == _TEXT


@pytest.fixture
def setup(tmp_path):
    """Runs setup.sh in a checkout whose pip says and does what it is told to; what pip was asked to do."""
    for name in ("pyproject.toml", "requirements.txt", "lab/setup.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)

    def setup(says="", code=0):
        python.write_text(f"#!/bin/sh\necho \"$*\" >> asked\ncat <<'END'\n{says}\nEND\nexit {code}\n")
        python.chmod(0o755)
        result = subprocess.run(
            ["sh", "lab/setup.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        return result, (tmp_path / "asked").read_text().splitlines()

    return setup


def test_nothing_is_installed_past_the_hashes(setup):
    result, asked = setup()
    assert result.returncode == 0
    packages, itself = asked
    assert "--require-hashes -r requirements.txt" in packages
    assert "--no-index --no-deps --no-build-isolation -e ." in itself


def test_another_file_than_the_one_that_is_known(setup):
    says = (
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated\n"
        "    attrs==26.1.0 from https://example.org/attrs.whl (from -r requirements.txt (line 9)):\n"
        "        Expected sha256 00\n             Got        11\n"
    )
    result, asked = setup(says, code=1)
    assert result.returncode == 1 and len(asked) == 1
    assert "attrs==26.1.0 is not the file that requirements.txt knows; log: " in result.stderr


def test_a_failed_installation_is_tried_again(setup, tmp_path):
    assert setup("no network", code=1)[0].returncode == 1
    assert not (tmp_path / ".venv/.made-from").exists()
    assert setup()[0].returncode == 0
