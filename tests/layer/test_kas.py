# SPDX-License-Identifier: MIT
"""The kas files by kas's own measure: its schema, and `kas dump` of every combination."""

import itertools
import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "kas").glob("*.yml"), *(ROOT / "kas/fragments").glob("*.yml")])
LOCKS = [path for path in FILES if path.name.endswith(".lock.yml")]
BOARDS = ["kas/virtual.yml", "kas/db845c.yml"]
FRAGMENTS = [
    str(path.relative_to(ROOT)) for path in FILES if path.parent.name == "fragments" and path not in LOCKS
]
# What only makes sense on the real board says so itself, by including its file.
FOR_BOARD = {f: [b for b in BOARDS if b in (ROOT / f).read_text()] or BOARDS for f in FRAGMENTS}
SINGLES = [(board, f) for f in FRAGMENTS for board in FOR_BOARD[f]]
EVERYTHING = [(board, *(f for f in FRAGMENTS if board in FOR_BOARD[f])) for board in BOARDS]
COMBINATIONS = [(board,) for board in BOARDS] + SINGLES + EVERYTHING


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dump(*names: str, work: Path) -> dict[str, Any]:
    """The one configuration that kas makes of several files; clones nothing, which would need a network."""
    steps = ["repo_setup_loop", "finish_setup_repos", "repos_checkout", "repos_apply_patches"]
    command = [sys.executable, "-m", "kas", "dump", "--format", "json"]
    command += [part for step in steps for part in ("--skip", step)]
    result = subprocess.run(
        [*command, ":".join(names)],
        cwd=ROOT,
        env=os.environ | {"KAS_WORK_DIR": str(work)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_the_file_is_what_kas_expects(path: Path) -> None:
    schema = json.loads(files("kas").joinpath("schema-kas.json").read_text())
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


def test_the_schema_refuses_a_misspelt_key(tmp_path: Path) -> None:
    schema = json.loads(files("kas").joinpath("schema-kas.json").read_text())
    config = yaml.safe_load((ROOT / "kas/virtual.yml").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config | {"maschine": "virtual-db845c"}, schema)


@pytest.mark.parametrize("path", [path for path in FILES if path not in LOCKS], ids=relative)
def test_editors_find_the_schema(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert re.fullmatch(r"# yaml-language-server: \$schema=https://\S+/schema-kas.json", first)


@pytest.mark.parametrize("names", COMBINATIONS, ids="+".join)
def test_the_combination_is_one_valid_configuration(names: tuple[str, ...], tmp_path: Path) -> None:
    config = dump(*names, work=tmp_path)
    assert config["machine"] == ("virtual-db845c" if "virtual" in names[0] else "qcom-armv8a")
    assert "compress-offload" in config["local_conf_header"]["compress-offload"]
    for name in names[1:]:
        own = yaml.safe_load((ROOT / name).read_text())
        for key, text in own.get("local_conf_header", {}).items():
            assert config["local_conf_header"][key] == text, f"{key} of {name} is lost"
    pinned = config["overrides"]["repos"]
    for name, repo in config["repos"].items():
        if repo and "url" in repo:
            assert re.fullmatch("[0-9a-f]{40}", pinned.get(name, {}).get("commit", "")), (
                f"{name} is not locked"
            )
            assert repo["path"].startswith("build/"), f"{name} would be cloned into the tree"


def test_no_two_fragments_use_one_header_key() -> None:
    keys = {
        name: set(yaml.safe_load((ROOT / name).read_text()).get("local_conf_header", {}))
        for name in FRAGMENTS
    }
    keys["kas/base.yml"] = set(yaml.safe_load((ROOT / "kas/base.yml").read_text())["local_conf_header"])
    for one, other in itertools.combinations(keys, 2):
        assert not keys[one] & keys[other], f"{one} and {other} overwrite each other"


def test_every_lock_file_locks_only_what_its_file_names() -> None:
    assert LOCKS
    for lock in LOCKS:
        config = yaml.safe_load(lock.with_name(lock.name.replace(".lock", "")).read_text())
        locked = set(yaml.safe_load(lock.read_text())["overrides"]["repos"])
        assert locked <= {name for name, repo in config["repos"].items() if repo and "url" in repo}


def test_the_ci_example_names_files_and_targets_that_exist() -> None:
    example = yaml.safe_load((ROOT / "kas/ci/gitlab-ci.yml").read_text())
    jobs = [job for job in example.values() if isinstance(job, dict)]
    commands = [line for job in jobs for line in job.get("script", [])]
    boards = [job["variables"]["BOARD"] for job in jobs if "BOARD" in job.get("variables", {})]
    names = {name for line in commands for name in re.findall(r"kas/[^\s:\"]+", line) if "$" not in name}
    assert names and boards
    for name in names | {f"kas/{board}.yml" for board in boards}:
        assert (ROOT / name).is_file(), name
    makefile = (ROOT / "Makefile").read_text()
    for target in (target for line in commands if line.startswith("make ") for target in line.split()[1:]):
        assert f"\n{target}:" in makefile, f"make {target}"
