# SPDX-License-Identifier: MIT
"""File names that are shell commands, options or escapes: each stays a name, and no link leads out."""

import gzip
import os
import subprocess
from pathlib import Path

import deploy_folder
import pytest
from bench import Bench
from samples import boot_image, ext4_head

from lab.cli.run import run
from lab.errors import printable
from lab.flash import Plan, PlanError
from lab.images import ImageError
from lab.images.deploy import DeployFolder, check
from lab.paths import board_folder
from lab.playback import player
from lab.recover import Bundle, BundleError

NAMES = (
    "; reboot", "$(touch owned)", "`touch owned`", "a b", "-rf", "--help", "a\nb", "'", '"', "*",
    "&& touch owned", "| touch owned", "[red]", "\x1b[2J", "@SAMPLE@", "%s", "ü",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_played_by_that_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool, body in (("pidof", "echo $PPID"), ("pw-cat", 'for last; do :; done; printf %s "$last" >told')):
        (tmp_path / tool).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    remote = f"/tmp/lab-play.{name}"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["sh", "-c", player.script(remote)], cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe
    ) as script:
        assert script.stdout
        script.stdout.read()  # its standard input stays open meanwhile: the player would be killed
    assert (tmp_path / "told").read_text() == remote
    assert not (tmp_path / "owned").exists()


def test_an_image_of_any_name_is_flashed(fastboot_bench: Bench, tmp_path: Path) -> None:
    """The stock client gets whole paths, so that a dash at the start is no option."""
    for name in NAMES:
        path = tmp_path / name
        path.write_bytes(boot_image().pack())
        (image,) = Plan.of_files([path]).images
        fastboot_bench.flash(image.partition, image.path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "name", ["../x", "/tmp/x", "", ".", "a/b", "-x", "a\nb", "a\0b", "\x1b[2J", "x" * 99]
)
def test_no_board_is_called_so(name: str) -> None:
    with pytest.raises(Exception, match="no board can be called"):
        board_folder(name)


def test_messages_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable("a\x1b[2J\rb\n") == "a\\x1b[2J\\x0db\n"
    assert run(["flash", "/nowhere/\x1b[2J\x07"]) == 2
    assert "\x1b" not in capsys.readouterr().err


# -- links and paths out of a folder -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id_ed25519", "ssh_host_ed25519_key.pub"])
def test_keys_that_are_links_out_of_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    folder = deploy_folder.make(tmp_path / "deploy")
    (folder / name).unlink(missing_ok=True)
    (tmp_path / "secret").write_text("not yours")
    (folder / name).symlink_to("../secret")
    with pytest.raises(PlanError, match="is not a file inside"):
        plan = Plan.read(folder)
        assert plan.host_key


def test_images_of_a_yocto_folder_that_are_links_out_of_it_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    folder.mkdir()
    (tmp_path / "boot.img").write_bytes(boot_image().pack())
    (folder / "boot-x.img").symlink_to(tmp_path / "boot.img")
    with pytest.raises(ImageError, match="is not a file inside"):
        DeployFolder.open(folder)


def test_a_pipe_among_the_images_is_refused_not_waited_for(tmp_path: Path) -> None:
    folder = deploy_folder.make(tmp_path / "deploy")
    (folder / "rootfs.ext4").unlink()
    os.mkfifo(folder / "rootfs.ext4")
    with pytest.raises(ImageError, match="is not a plain file"):
        DeployFolder.open(folder)


def test_a_root_file_system_that_unpacks_to_more_than_it_claims_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.rootfs.ext4.gz"
    with gzip.open(path, "wb") as packed:
        packed.write(ext4_head(1 << 20) + bytes(8 << 20))
    image = check("rootfs", path)
    with pytest.raises(ImageError, match="holds more than"):
        image.unpack(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd"])
def test_a_bundle_writes_no_file_from_outside_of_it(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (tmp_path / "secret").write_text("not yours")
    (folder / "prog_ddr.elf").write_bytes(b"elf")
    (folder / "rawprogram0.xml").write_text(f'<data><program filename="{name}" label="x"/></data>')
    with pytest.raises(BundleError, match="is not a file inside"):
        Bundle.read(folder)
