# SPDX-License-Identifier: MIT
"""Power, button, console and machine as a bench sees them, with labgrid's stock drivers where they serve."""

import resource
import socket
import urllib.error
from pathlib import Path

import pytest
from bench import Bench, Console
from labgrid import Target
from labgrid.driver import AndroidFastbootDriver, HttpDigitalOutputDriver, NetworkPowerDriver, SerialDriver
from labgrid.resource import AndroidNetFastboot, HttpDigitalOutput, NetworkPowerPort, NetworkSerialPort
from samples import boot_image, write


def _flashed(bench: Bench, tmp_path: Path) -> None:
    """Flash a boot image and run it."""
    bench.enter_fastboot()
    bench.flash("boot", write(tmp_path / "boot.img", boot_image("hello").pack()))
    assert bench.fastboot("continue").returncode == 0
    bench.console.until("time: hello")


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_stock_drivers_of_labgrid_run_the_board(bench: Bench, tmp_path: Path) -> None:
    ports = bench.info.ports
    target = Target("board")
    outlet = f"http://127.0.0.1:{ports['power']}/outlet/{{index}}"
    NetworkPowerPort(target, "outlet", model="rest", host=outlet, index="1")
    power = NetworkPowerDriver(target, "power", delay=0.0)
    button = f"http://127.0.0.1:{ports['buttons']}/button/vol-down"
    HttpDigitalOutput(target, "button", url=button, body_asserted="1", body_deasserted="0")
    vol_down = HttpDigitalOutputDriver(target, "vol-down")
    NetworkSerialPort(target, "line", host="127.0.0.1", port=ports["console"], protocol="raw")
    serial = SerialDriver(target, "serial")
    AndroidNetFastboot(target, "link", address="127.0.0.1", port=ports["fastboot"], protocol="tcp")
    fastboot = AndroidFastbootDriver(target, "fastboot")
    for driver in (power, vol_down, serial, fastboot):
        target.activate(driver)

    assert not power.get()
    vol_down.set(True)
    assert vol_down.get()
    power.cycle()
    vol_down.set(False)
    assert power.get()
    serial.expect("fastboot mode", timeout=90)
    assert fastboot.getvar("product") == "sdm845"
    fastboot.flash("boot", str(write(tmp_path / "boot.img", boot_image("by-labgrid").pack())))
    fastboot.continue_boot()
    serial.expect("time: by-labgrid", timeout=90)
    serial.sendline("off")
    serial.expect("power-off", timeout=90)
    assert not power.get()
    target.cleanup()


def test_a_board_without_power_has_no_open_doors(bench: Bench, tmp_path: Path) -> None:
    ports = bench.info.ports
    assert _refused(ports["fastboot"])
    assert _refused(ports["ssh"])
    bench.enter_fastboot()
    assert not _refused(ports["fastboot"])
    bench.power(False)
    assert _refused(ports["fastboot"])
    _flashed(bench, tmp_path)
    assert _refused(ports["fastboot"])


def test_a_new_board_stays_in_fastboot_and_says_why(bench: Bench) -> None:
    bench.power(True)
    said = bench.console.until("fastboot mode")
    assert "boot_a: bad boot magic" in said
    assert bench.powered


def test_switching_on_twice_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    _flashed(bench, tmp_path)
    bench.power(True)
    bench.console.type("still here\n")
    bench.console.until("still here")


def test_a_guest_that_powers_off_turns_the_board_off(bench: Bench, tmp_path: Path) -> None:
    _flashed(bench, tmp_path)
    bench.console.type("off\n")
    bench.console.until("power-off")
    assert not bench.powered
    bench.power(True)
    bench.console.until("time: hello")


def test_a_guest_that_resets_comes_back_through_the_bootloader(bench: Bench, tmp_path: Path) -> None:
    _flashed(bench, tmp_path)
    bench.console.type("reset\n")
    assert "virtual DB845c fake, slot a" in bench.console.until("time: hello")
    bench.hold_vol_down(True)
    bench.console.type("reset\n")
    assert "VOL- is held" in bench.console.until("fastboot mode")


def test_a_machine_that_fails_leads_to_fastboot(bench: Bench, tmp_path: Path) -> None:
    _flashed(bench, tmp_path)
    bench.console.type("crash\n")
    assert "the machine crashed, as it was told" in bench.console.until("fastboot mode")


def test_real_time_is_a_switch_for_the_next_start(bench: Bench, tmp_path: Path) -> None:
    _flashed(bench, tmp_path)
    assert bench.get("buttons", "/switch/real-time") == "0"
    bench.put("buttons", "/switch/real-time", "1")
    bench.power(False)
    bench.power(True)
    bench.console.until("fake machine, real time: hello")
    assert bench.get("buttons", "/switch/real-time") == "1"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/outlet/1", "on", 400), ("/outlet/1", "1" * 99, 400), ("/outlet/2", "1", 404), ("/", "1", 404)],
)
def test_a_wrong_request_is_answered(bench: Bench, path: str, body: str, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        bench.put("power", path, body)
    assert error.value.code == status
    error.value.close()
    assert not bench.powered


def test_everybody_sees_the_console_and_the_log_keeps_it(bench: Bench, tmp_path: Path) -> None:
    second = Console(bench.info.ports["console"])
    _flashed(bench, tmp_path)
    second.until("time: hello")
    second.type("from the second\n")
    bench.console.until("from the second")
    second.close()
    bench.console.type("after the second\n")
    bench.console.until("after the second")
    bench.power(False)
    bench.console.until("power off")
    log = (bench.state / "console.log").read_text()
    assert (
        log.index("power on")
        < log.index("time: hello")
        < log.index("from the second")
        < log.index("power off")
    )


def test_keys_that_no_machine_takes_are_lost(bench: Bench, tmp_path: Path) -> None:
    bench.console.type("off\n")
    _flashed(bench, tmp_path)
    assert bench.powered


def test_a_terminal_that_never_reads_stops_nobody(bench: Bench, tmp_path: Path) -> None:
    deaf = Console(bench.info.ports["console"])
    _flashed(bench, tmp_path)
    before = _memory(bench)
    line = "x" * 4000
    for number in range(6000):
        bench.console.type(f"{line}{number}\n")
        bench.console.until(f"x{number}\n")
    assert _memory(bench) - before < 8 << 20, "24 MB are kept for a terminal that never reads"
    deaf.close()


def _memory(bench: Bench) -> int:
    """Bytes that the board's process holds (proc(5), second field of statm, pages)."""
    return int(Path(f"/proc/{bench.info.pid}/statm").read_text().split()[1]) * resource.getpagesize()
