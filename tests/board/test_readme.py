# SPDX-License-Identifier: MIT
"""The README's section "By hand", typed at a shell by somebody who has just cloned the project."""

import os
import re
import sys

import pexpect
import pytest
from support.media import make

from lab.environment import Board
from lab.paths import BUILD, ROOT

pytestmark = pytest.mark.own_board

PROMPT = "typed> "


@pytest.fixture
def commands():
    section = (ROOT / "README.md").read_text().split("\n## By hand\n")[1].split("\n## ")[0]
    return re.findall(r"^    (\S.*?)(?:\s+# .*)?$", section, re.MULTILINE)


@pytest.fixture
def shell(tmp_path, strategy):
    """A shell in a checkout like this one, which has boards and runs of its own, but this one's cache."""
    strategy.transition("off")  # two boards at once are slow
    checkout, build = tmp_path / "checkout", tmp_path / "build"
    checkout.mkdir()
    build.mkdir()
    for path in ROOT.iterdir():
        if path.name not in ("build", ".git"):
            (checkout / path.name).symlink_to(path)
    (build / "cache").symlink_to(BUILD / "cache")
    make(checkout / "song.mp3", seconds=3)
    environment = os.environ | {"OFFLOAD_BUILD": str(build), "PS1": PROMPT, "TERM": "dumb", "COLUMNS": "200"}
    shell = pexpect.spawn(
        "bash", ["--norc", "--noprofile"], cwd=checkout, env=environment, encoding="utf-8",
        timeout=600, logfile=sys.stdout,
    )  # fmt: skip
    shell.expect_exact(PROMPT)
    yield shell
    shell.sendline("offload-lab board stop")
    shell.expect_exact(PROMPT)
    shell.close(force=True)


def test_by_hand(pytestconfig, shell, commands, tmp_path):
    if not Board.find(pytestconfig.option.board).virtual:
        pytest.skip("the section is on the virtual board")
    assert len(commands) == 9
    for command in commands:
        shell.sendline(command)
        if command.endswith("console"):
            shell.expect_exact("Ctrl-] ends it")
            shell.send("\r")
            shell.expect(r"# $")
            shell.sendcontrol("]")
        # The activated environment stands before the prompt.
        shell.expect(rf"\n(\(.*\) )?{PROMPT}")
        shell.sendline("echo code=$?")
        shell.expect(r"code=(\d+)\r\n")
        assert shell.match[1] == "0", command
        shell.expect_exact(PROMPT)
    assert '"error": null' in (tmp_path / "checkout/out.json").read_text()
