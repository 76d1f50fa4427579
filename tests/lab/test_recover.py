# SPDX-License-Identifier: MIT
"""`recover` with a qdl that only pretends, and one that misbehaves."""

import time
from pathlib import Path

import pytest

from lab import recover
from lab.cli.run import run
from lab.recover import Bundle, BundleError, RecoverError

XML = """<?xml version="1.0" ?><data>
<program SECTOR_SIZE_IN_BYTES="4096" filename="xbl.elf" label="xbl_a" num_partition_sectors="{sectors}"/>
<program SECTOR_SIZE_IN_BYTES="4096" filename="" label="boot_a" num_partition_sectors="16384"/>
</data>"""


@pytest.fixture
def folder(tmp_path):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "prog_firehose_ddr.elf").write_bytes(b"elf")
    (bundle / "xbl.elf").write_bytes(b"x" * 5000)
    (bundle / "rawprogram0.xml").write_text(XML.format(sectors=2))
    (bundle / "patch0.xml").write_text("<patches/>")
    return bundle


@pytest.fixture
def usb(tmp_path, monkeypatch):
    """A bus with a board in EDL mode and something else."""
    for name, vendor, product in (("1-1", "05c6", "9008"), ("1-2", "1d6b", "0002")):
        (tmp_path / "usb" / name).mkdir(parents=True)
        (tmp_path / "usb" / name / "idVendor").write_text(f"{vendor}\n")
        (tmp_path / "usb" / name / "idProduct").write_text(f"{product}\n")
    monkeypatch.setattr(recover.await_board, "__defaults__", (tmp_path / "usb", False))
    monkeypatch.setattr("lab.runs.RUNS", tmp_path / "runs")
    return tmp_path / "usb"


@pytest.fixture
def qdl(tmp_path):
    def make(body):
        program = tmp_path / "qdl"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        return str(program)

    return make


def test_a_bundle(folder):
    bundle = Bundle.read(folder)
    assert bundle.size == 5000
    assert recover.command(bundle, serial="0AA9") == [
        "qdl", "--serial=0AA9", "prog_firehose_ddr.elf", "rawprogram0.xml", "patch0.xml",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: (b / "xbl.elf").unlink(), "names xbl.elf for xbl_a, which is not in"),
        (lambda b: (b / "rawprogram0.xml").write_text(XML.format(sectors=1)), "has room for 4,096"),
        (lambda b: (b / "rawprogram0.xml").write_text("<data>"), "is no XML"),
        (lambda b: (b / "rawprogram0.xml").unlink(), r"rawprogram\*.xml \(it has 0\)"),
        (lambda b: (b / "prog_other.mbn").write_text(""), r"one prog_\*.elf \(it has 2\)"),
    ],
)
def test_an_incomplete_bundle(folder, change, message):
    change(folder)
    with pytest.raises(BundleError, match=message):
        Bundle.read(folder)


def test_no_board(usb):
    with pytest.raises(RecoverError, match="no board in EDL mode on USB within 0 s: power it off"):
        recover.await_board(0, usb.parent)


def test_two_boards(usb):
    (usb / "1-3").mkdir()
    (usb / "1-3" / "idVendor").write_text("05c6")
    (usb / "1-3" / "idProduct").write_text("9008")
    assert recover.boards(usb) == ["1-1", "1-3"]
    with pytest.raises(RecoverError, match="2 boards are in EDL mode: name one with --serial"):
        recover.await_board(0, usb)
    recover.await_board(0, usb, several=True)


def test_recover(folder, usb, qdl, capsys, tmp_path):
    tool = qdl('pwd; echo "$@"; echo "flashed \\"xbl_a\\" successfully"')
    assert run(["recover", "--yes", "--qdl", tool, str(folder)]) == 0
    (log,) = (tmp_path / "runs").glob("*-recover/qdl.log")
    assert log.read_text().splitlines() == [
        str(folder), "prog_firehose_ddr.elf rawprogram0.xml patch0.xml", 'flashed "xbl_a" successfully',
    ]  # fmt: skip
    assert "set the switch back" in capsys.readouterr().out


def test_a_dry_run_starts_nothing(folder, usb, qdl, tmp_path):
    tool = qdl(f"touch {tmp_path}/started")
    assert run(["recover", "--dry-run", "--qdl", tool, str(folder)]) == 0
    assert not (tmp_path / "started").exists()


def test_qdl_fails(folder, usb, qdl, capsys):
    tool = qdl('echo "flashing xbl_a failed"; exit 1')
    assert run(["recover", "--yes", "--qdl", tool, str(folder)]) == 1
    assert "qdl failed (flashing xbl_a failed): the board is not recovered" in capsys.readouterr().err


def test_qdl_hangs(folder, usb, qdl, capsys, tmp_path):
    """Its children go with it."""
    tool = qdl(f"echo Waiting; sleep 300 & echo $! >{tmp_path}/pid; wait")
    assert run(["recover", "--yes", "--limit", "2", "--qdl", tool, str(folder)]) == 1
    assert "qdl did not end within 2 s (Waiting)" in capsys.readouterr().err
    deadline = time.monotonic() + 30
    while Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/cmdline").exists():
        assert time.monotonic() < deadline, "qdl's child is left"
        time.sleep(0.05)


def test_there_is_no_qdl(folder, usb, capsys):
    assert run(["recover", "--yes", "--qdl", "/nonexistent/qdl", str(folder)]) == 1
    assert "there is no /nonexistent/qdl: install it" in capsys.readouterr().err
