# SPDX-License-Identifier: MIT
"""The bootloader against the stock fastboot client, and against a client that misbehaves."""

import dataclasses
import gzip
import json
import os
import select
import signal
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from bench import LIMIT, Bench
from samples import HARDWARE, boot_image, ext4_head, write

from lab.images import gpt
from lab.images.sparse import Kind, build

BOOT_SIZE = 65_536 << 10
ROOTFS_SIZE = 3_582_912 << 10
BAD_ROOTFS = "rootfs: interrupted flash, marked bad"


def _offset(bench: Bench, partition: str) -> int:
    with (bench.state / "disk.img").open("rb") as disk:
        return {part.name: part.offset for part in gpt.read(disk)}[partition]


def _boot_file(tmp_path: Path, cmdline: str = "first") -> Path:
    return write(tmp_path / f"{cmdline}.img", boot_image(cmdline).pack())


def _reason_not_to_boot(bench: Bench) -> str:
    """Power-cycle without VOL-; what the bootloader says while it stays in fastboot."""
    bench.power(False)
    bench.console.until("power off")
    bench.power(True)
    return bench.console.until("fastboot mode")


# -- what a client asks --------------------------------------------------------------------------------------


def test_the_variables_are_those_of_the_board(fastboot_bench: Bench) -> None:
    output = fastboot_bench.fastboot("getvar", "all").stdout
    for line in (
        "product:sdm845",
        "max-download-size:536870912",
        "slot-count:2",
        "current-slot:a",
        "has-slot:boot:yes",
        "has-slot:rootfs:no",
        f"partition-size:boot_a:{BOOT_SIZE:#x}",
        f"partition-size:boot_b:{BOOT_SIZE:#x}",
        f"partition-size:rootfs:{ROOTFS_SIZE:#x}",
        "slot-unbootable:a:yes",
    ):
        assert f"(bootloader) {line}\n" in output


def test_an_unknown_variable_fails(fastboot_bench: Bench) -> None:
    assert "unknown variable nonesuch" in fastboot_bench.fastboot("getvar", "nonesuch").stdout


def test_the_disk_has_the_boards_partitions(fastboot_bench: Bench) -> None:
    with (fastboot_bench.state / "disk.img").open("rb") as disk:
        sizes = {part.name: part.size for part in gpt.read(disk)}
    assert sizes == {"boot_a": BOOT_SIZE, "boot_b": BOOT_SIZE, "rootfs": ROOTFS_SIZE}


def test_oem_tells_slot_and_damage(fastboot_bench: Bench, tmp_path: Path) -> None:
    fastboot_bench.flash("boot", _boot_file(tmp_path))
    with fastboot_bench.raw() as client:
        client.command("getvar:partition-size:rootfs")
        client.command("download:00001000")
    fastboot_bench.console.until(BAD_ROOTFS)
    output = fastboot_bench.fastboot("oem", "device-info").stdout
    assert "Active slot: a" in output
    assert BAD_ROOTFS in output
    assert "oem device-info" in fastboot_bench.fastboot("oem", "help").stdout
    assert fastboot_bench.refuse("oem", "nonesuch") == "unknown command oem nonesuch, see oem help"


@pytest.mark.parametrize("command", ["flashing unlock", "upload", ""])
def test_an_unknown_command_fails(fastboot_bench: Bench, command: str) -> None:
    with fastboot_bench.raw() as client:
        assert client.command(command).startswith("FAILunknown command")


# -- flash and boot ------------------------------------------------------------------------------------------


def test_what_was_flashed_boots(fastboot_bench: Bench, tmp_path: Path) -> None:
    fastboot_bench.flash("boot", _boot_file(tmp_path, "first"))
    assert fastboot_bench.fastboot("continue").returncode == 0
    fastboot_bench.console.until("fake machine, virtual time: first")
    fastboot_bench.enter_fastboot()
    fastboot_bench.flash("boot", _boot_file(tmp_path, "second"))
    fastboot_bench.power(False)
    fastboot_bench.power(True)
    fastboot_bench.console.until("fake machine, virtual time: second")


def test_boot_runs_an_image_and_flashes_nothing(fastboot_bench: Bench, tmp_path: Path) -> None:
    assert fastboot_bench.fastboot("boot", _boot_file(tmp_path, "once")).returncode == 0
    fastboot_bench.console.until("fake machine, virtual time: once")
    assert "boot_a: bad boot magic" in _reason_not_to_boot(fastboot_bench)


def test_each_slot_boots_its_own_image(fastboot_bench: Bench, tmp_path: Path) -> None:
    fastboot_bench.flash("boot_b", _boot_file(tmp_path, "in-b"))
    assert "boot_a: bad boot magic" in fastboot_bench.refuse("continue")
    assert fastboot_bench.fastboot("set_active", "b").returncode == 0
    assert fastboot_bench.fastboot("continue").returncode == 0
    fastboot_bench.console.until("fake machine, virtual time: in-b")
    fastboot_bench.enter_fastboot()
    assert "current-slot: b" in fastboot_bench.fastboot("getvar", "current-slot").stdout
    fastboot_bench.flash("boot", _boot_file(tmp_path, "again-b"))
    assert fastboot_bench.fastboot("reboot").returncode == 0
    fastboot_bench.console.until("fake machine, virtual time: again-b")


def test_an_unknown_slot_fails(fastboot_bench: Bench) -> None:
    with fastboot_bench.raw() as client:
        assert client.command("set_active:c") == "FAILno slot c: the board has a and b"


def test_reboot_bootloader_comes_back_to_fastboot(fastboot_bench: Bench, tmp_path: Path) -> None:
    fastboot_bench.flash("boot", _boot_file(tmp_path))
    assert fastboot_bench.fastboot("reboot", "bootloader").returncode == 0
    fastboot_bench.console.until("staying here: asked to")
    fastboot_bench.console.until("fastboot mode")
    assert fastboot_bench.fastboot("getvar", "product").returncode == 0


def test_powerdown_turns_the_board_off(fastboot_bench: Bench) -> None:
    with fastboot_bench.raw() as client:
        assert client.command("powerdown") == "OKAY"
    fastboot_bench.console.until("power-off")
    assert not fastboot_bench.powered


def test_an_erased_slot_does_not_boot(fastboot_bench: Bench, tmp_path: Path) -> None:
    fastboot_bench.flash("boot", _boot_file(tmp_path))
    assert fastboot_bench.fastboot("erase", "boot").returncode == 0
    assert "boot_a: bad boot magic" in _reason_not_to_boot(fastboot_bench)


def test_a_root_file_system_arrives_as_it_is(fastboot_bench: Bench, tmp_path: Path) -> None:
    data = ext4_head(3 << 20) + os.urandom(1 << 20) + bytes((2 << 20) - 4096)
    fastboot_bench.flash("rootfs", write(tmp_path / "rootfs.ext4", data))
    assert fastboot_bench.partition(_offset(fastboot_bench, "rootfs"), len(data)) == data


def test_a_large_image_arrives_in_pieces(fastboot_bench: Bench, tmp_path: Path) -> None:
    data = ext4_head(8 << 20) + os.urandom(3 << 20) + bytes(4 << 20) + os.urandom((1 << 20) - 4096)
    path = write(tmp_path / "rootfs.ext4", data)
    result = fastboot_bench.fastboot("-S", "1M", "flash", "rootfs", path)
    assert result.returncode == 0
    assert "sparse 'rootfs' 4/" in result.stdout
    assert fastboot_bench.partition(_offset(fastboot_bench, "rootfs"), len(data)) == data


def test_zeros_take_no_room_and_replace_what_was_there(fastboot_bench: Bench, tmp_path: Path) -> None:
    offset = _offset(fastboot_bench, "rootfs")
    fastboot_bench.flash("rootfs", write(tmp_path / "old", os.urandom(1 << 20)))
    image = build([(Kind.RAW, 1, ext4_head(1 << 30)), (Kind.FILL, (1 << 18) - 1, bytes(4))])
    fastboot_bench.flash("rootfs", write(tmp_path / "new", image))
    assert fastboot_bench.partition(offset + 4096, 1 << 20) == bytes(1 << 20)
    assert (fastboot_bench.state / "disk.img").stat().st_blocks * 512 < 1 << 20


def test_dont_care_leaves_what_was_there(fastboot_bench: Bench, tmp_path: Path) -> None:
    old = os.urandom(3 * 4096)
    fastboot_bench.flash("rootfs", write(tmp_path / "old", old))
    image = build([(Kind.FILL, 1, b"wxyz"), (Kind.DONT_CARE, 1, b""), (Kind.FILL, 1, b"wxyz")])
    fastboot_bench.flash("rootfs", write(tmp_path / "new", image))
    pattern = b"wxyz" * 1024
    found = fastboot_bench.partition(_offset(fastboot_bench, "rootfs"), 3 * 4096)
    assert found == pattern + old[4096:8192] + pattern


# -- refusals ------------------------------------------------------------------------------------------------


def _refused_boot_images() -> list[tuple[str, bytes, str]]:
    good = boot_image().pack()
    page = bytearray(good)
    struct.pack_into("<I", page, 36, 2048)
    not_arm = dataclasses.replace(boot_image(), kernel=gzip.compress(bytes(4096)))
    return [
        ("magic", b"just a file" * 1000, "bad boot magic"),
        ("page", bytes(page), "page size 2048, the board needs 4096"),
        ("short", boot_image(ramdisk=b"r" * 9000).pack()[:-8192], "truncated: its ramdisk"),
        ("large", good + bytes(BOOT_SIZE), "larger than boot_a, which has 67,108,864"),
        (
            "board",
            boot_image(compatible=["other,board"]).pack(),
            "device tree is for other,board, not for this board",
        ),
        ("hardware", boot_image(compatible=HARDWARE).pack(), "not for this board (linux,dummy-virt)"),
        ("kernel", not_arm.pack(), "not an arm64 Image"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "reason"), _refused_boot_images(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_bad_boot_image_is_refused_and_the_old_one_stays(
    fastboot_bench: Bench, tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    fastboot_bench.flash("boot", _boot_file(tmp_path, "good"))
    assert reason in fastboot_bench.refuse("flash", "boot", write(tmp_path / "bad.img", data))
    assert fastboot_bench.fastboot("continue").returncode == 0
    fastboot_bench.console.until("fake machine, virtual time: good")


def test_boot_refuses_what_flash_would(fastboot_bench: Bench, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.img", boot_image(compatible=["other,board"]).pack())
    assert "not for this board" in fastboot_bench.refuse("boot", bad)


def test_an_image_larger_than_its_partition_is_refused(fastboot_bench: Bench, tmp_path: Path) -> None:
    chunks = [(Kind.RAW, 1, ext4_head(ROOTFS_SIZE)), (Kind.DONT_CARE, ROOTFS_SIZE // 4096, b"")]
    reason = fastboot_bench.refuse("flash", "rootfs", write(tmp_path / "large", build(chunks)))
    assert reason == "the image of 3,668,905,984 bytes is larger than rootfs, which has 3,668,901,888"


def test_an_unknown_partition_is_refused(fastboot_bench: Bench, tmp_path: Path) -> None:
    reason = fastboot_bench.refuse("flash", "modem", _boot_file(tmp_path))
    assert reason == "unknown partition modem: the board has boot_a, boot_b, rootfs"
    assert "unknown partition modem" in fastboot_bench.refuse("erase", "modem")


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (lambda raw: raw[:-1], "truncated: chunk 2 of 2 ends at byte"),
        (lambda raw: raw[:28], "truncated: chunk 1 of 2 is missing"),
        (
            lambda raw: raw[:16] + struct.pack("<I", 1) + raw[20:],
            "the sparse image lies: chunk 2 reaches block 2",
        ),
        (lambda raw: raw + b"tail", "4 unknown bytes follow"),
    ],
)
def test_a_truncated_or_lying_sparse_image_is_refused(
    fastboot_bench: Bench, cut: object, reason: str
) -> None:
    good = build([(Kind.FILL, 1, b"abcd"), (Kind.RAW, 1, bytes(4096))])
    before = fastboot_bench.partition(_offset(fastboot_bench, "rootfs"), 4096)
    with fastboot_bench.raw() as client:
        client.download(cut(good))  # type: ignore[operator]
        answer = client.command("flash:rootfs")
    assert answer.startswith("FAIL")
    assert reason in answer
    assert fastboot_bench.partition(_offset(fastboot_bench, "rootfs"), 4096) == before


@pytest.mark.parametrize("size", ["20000001", "0", "-1", "many"])
def test_a_download_that_cannot_be_is_refused(fastboot_bench: Bench, size: str) -> None:
    with fastboot_bench.raw() as client:
        assert client.command(f"download:{size}").startswith("FAIL")
        assert client.command("getvar:version") == "OKAY0.4"


def test_flash_without_data_is_refused(fastboot_bench: Bench) -> None:
    with fastboot_bench.raw() as client:
        assert client.command("flash:boot_a") == "FAILnothing was downloaded"


def test_a_full_disk_is_told_and_the_board_lives_on(bench: Bench, tmp_path: Path) -> None:
    bench.close()  # it has made its disk; what follows may not write any file beyond a size
    full = Bench(bench.state, wrapper=("prlimit", "--fsize=8000000", "--"))
    try:
        full.enter_fastboot()
        large = write(tmp_path / "large", os.urandom(9_000_000))
        assert full.refuse("flash", "rootfs", large) == "the board's storage failed: File too large"
        small = write(tmp_path / "small", os.urandom(4_000_000))
        assert full.refuse("flash", "rootfs", small) == "the board's storage failed: File too large"
        assert BAD_ROOTFS in full.fastboot("oem", "device-info").stdout
        with full.raw() as client:
            assert client.command("download:01000000") == "DATA01000000"
            client.send(bytes(16 << 20))
            assert client.answer() == "FAILthe board's storage failed: File too large"
            assert client.command("getvar:version") == "OKAY0.4"
    finally:
        full.close()


# -- interruptions -------------------------------------------------------------------------------------------


def test_a_link_lost_in_mid_download_marks_the_partition(fastboot_bench: Bench, tmp_path: Path) -> None:
    fastboot_bench.flash("boot", _boot_file(tmp_path))
    with fastboot_bench.raw() as client:
        assert client.command("getvar:partition-size:rootfs").startswith("OKAY")
        assert client.command("download:00100000") == "DATA00100000"
        client.socket.sendall((1 << 20).to_bytes(8, "big") + bytes(1000))
    fastboot_bench.console.until(BAD_ROOTFS)
    assert BAD_ROOTFS in _reason_not_to_boot(fastboot_bench)
    assert fastboot_bench.refuse("continue") == BAD_ROOTFS
    fastboot_bench.flash("rootfs", write(tmp_path / "rootfs", ext4_head(4096)))
    assert fastboot_bench.fastboot("continue").returncode == 0


def test_a_stock_client_that_is_killed_marks_the_partition(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "board", link_speed=1e6)
    try:
        bench.enter_fastboot()
        bench.flash("boot", _boot_file(tmp_path))
        image = write(tmp_path / "rootfs", ext4_head(64 << 20) + os.urandom(64 << 20))
        with subprocess.Popen(
            bench.fastboot_command("flash", "rootfs", image), stderr=subprocess.DEVNULL
        ) as client:
            bench.console.until("for rootfs")
            client.kill()
        bench.console.until(BAD_ROOTFS)
        assert BAD_ROOTFS in _reason_not_to_boot(bench)
    finally:
        bench.close()


def test_the_second_of_two_pieces_that_is_lost_marks_the_partition(
    fastboot_bench: Bench, tmp_path: Path
) -> None:
    with fastboot_bench.raw() as client:
        client.download(build([(Kind.FILL, 1, b"abcd"), (Kind.DONT_CARE, 1, b"")]))
        assert client.command("flash:rootfs") == "OKAY"
        assert client.command("download:00001000") == "DATA00001000"
    fastboot_bench.console.until(BAD_ROOTFS)


def test_a_power_cut_while_writing_marks_the_partition(fastboot_bench: Bench, tmp_path: Path) -> None:
    fastboot_bench.flash("boot", _boot_file(tmp_path))
    many = build([(Kind.FILL, 1, bytes(4))] * 40_000)  # as many steps, of which none takes room
    with fastboot_bench.raw() as client:
        client.download(many)
        client.send(b"flash:rootfs")
        fastboot_bench.console.until("flash rootfs")
        fastboot_bench.power(False)
        with pytest.raises(ConnectionError):
            client.answer()
    fastboot_bench.power(True)
    assert BAD_ROOTFS in fastboot_bench.console.until("fastboot mode")


def test_a_mark_outlives_the_boards_process(fastboot_bench: Bench) -> None:
    with fastboot_bench.raw() as client:
        client.download(build([(Kind.FILL, 1, bytes(4))] * 40_000))
        client.send(b"flash:rootfs")
        fastboot_bench.console.until("flash rootfs")
        while "rootfs" not in _marks(fastboot_bench):
            pass
        fastboot_bench.kill()
    again = Bench(fastboot_bench.state)
    try:
        again.enter_fastboot()
        assert BAD_ROOTFS in again.fastboot("oem", "device-info").stdout
    finally:
        again.close()


def _marks(bench: Bench) -> dict[str, str]:
    try:
        marks: dict[str, str] = json.loads((bench.state / "nvram.json").read_text())["bad"]
    except FileNotFoundError:
        return {}
    return marks


def test_a_client_that_only_asks_and_hangs_up_harms_nothing(fastboot_bench: Bench) -> None:
    with fastboot_bench.raw() as client:
        client.command("getvar:partition-size:rootfs")
    assert BAD_ROOTFS not in fastboot_bench.fastboot("oem", "device-info").stdout


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", b"FB01" + b"\xff" * 8, b"FB01\0\0"])
def test_junk_on_the_port_harms_nothing(fastboot_bench: Bench, junk: bytes) -> None:
    with fastboot_bench.raw() as client:
        client.socket.sendall(junk)
    assert fastboot_bench.fastboot("getvar", "product").returncode == 0


def test_more_data_than_announced_breaks_the_link_only(fastboot_bench: Bench) -> None:
    with fastboot_bench.raw() as client:
        client.command("download:00000010")
        client.send(bytes(17))
        with pytest.raises(ConnectionError):
            client.answer()
    assert fastboot_bench.fastboot("getvar", "product").returncode == 0


def test_a_second_client_waits_for_the_first(fastboot_bench: Bench) -> None:
    port = fastboot_bench.info.ports["fastboot"]
    with fastboot_bench.raw() as first, socket.create_connection(("127.0.0.1", port), LIMIT) as second:
        second.sendall(b"FB01")
        for _ in range(50):
            assert first.command("getvar:version") == "OKAY0.4"
        assert select.select([second], [], [], 0) == ([], [], [])
        first.close()
        assert second.recv(4) == b"FB01"


def test_a_client_stopped_by_ctrl_c_leaves_the_board_usable(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "board", link_speed=1e6)
    try:
        bench.enter_fastboot()
        image = write(tmp_path / "rootfs", os.urandom(32 << 20))
        with subprocess.Popen(
            bench.fastboot_command("flash", "rootfs", image), stderr=subprocess.DEVNULL
        ) as client:
            bench.console.until("for rootfs")
            client.send_signal(signal.SIGINT)
        bench.console.until(BAD_ROOTFS)
        assert bench.fastboot("getvar", "product").returncode == 0
    finally:
        bench.close()
