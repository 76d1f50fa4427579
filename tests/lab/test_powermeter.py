# SPDX-License-Identifier: MIT
"""The drivers against a simulated instrument and a simulated sensor."""

import contextlib
import socket
import threading

import pytest
from labgrid import Target

from lab.drivers.powermeter import (
    HwmonPowerMeterDriver,
    HwmonSensor,
    PowerMeterError,
    ScpiInstrument,
    ScpiPowerMeterDriver,
)


@pytest.fixture
def instrument():
    """An instrument on TCP that answers what `answers` holds by query; silence for others."""
    answers, asked = {}, []

    def serve(link):
        with link, link.makefile("r") as lines, contextlib.suppress(OSError):
            for line in lines:
                asked.append(line.strip())
                if line.strip() in answers:
                    link.sendall(f"{answers[line.strip()]}\r\n".encode())

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield answers, asked, listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def scpi(instrument):
    def make(**options):
        target = Target("main")
        ScpiInstrument(target, None, host="127.0.0.1", port=instrument[2])
        driver = ScpiPowerMeterDriver(target, None, timeout=0.5, **options)
        target.activate(driver)
        return driver

    return make


def test_power(instrument, scpi):
    instrument[0]["MEAS:POW?"] = "+3.1250E+00"
    assert scpi().power_w() == 3.125


def test_voltage_times_current(instrument, scpi):
    instrument[0].update({"MEAS:VOLT?": "12.0", "MEAS:CURR?": "0.25"})
    assert scpi(query="MEAS:VOLT?, MEAS:CURR?").power_w() == 3.0


def test_the_mean(instrument, scpi):
    instrument[0]["MEAS:POW?"] = "2"
    assert scpi().mean_w(0.05, interval=0.01) == 2
    assert len(instrument[1]) >= 2


def test_no_number(instrument, scpi):
    instrument[0]["MEAS:POW?"] = "ERR -113"
    with pytest.raises(PowerMeterError, match="answers MEAS:POW\\? by 'ERR -113', which is no number"):
        scpi().power_w()


def test_silence(scpi):
    with pytest.raises(PowerMeterError, match="does not answer"):
        scpi().power_w()


@pytest.fixture
def hwmon(tmp_path):
    for number, (name, power) in enumerate((("acpitz", ""), ("ina226", "4125000\n"))):
        (tmp_path / f"hwmon{number}").mkdir()
        (tmp_path / f"hwmon{number}" / "name").write_text(f"{name}\n")
        (tmp_path / f"hwmon{number}" / "power1_input").write_text(power)

    def make(chip):
        target = Target("main")
        HwmonSensor(target, None, chip=chip, root=str(tmp_path))
        driver = HwmonPowerMeterDriver(target, None)
        target.activate(driver)
        return driver

    return make


def test_a_sensor(hwmon):
    assert hwmon("ina226").power_w() == 4.125


def test_a_sensor_that_is_not_there(hwmon):
    with pytest.raises(PowerMeterError, match="there is no ina219"):
        hwmon("ina219").power_w()


def test_a_sensor_without_a_value(hwmon):
    with pytest.raises(PowerMeterError, match="gives no power"):
        hwmon("acpitz").power_w()
