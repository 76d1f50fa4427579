# SPDX-License-Identifier: MIT
"""What a board takes in watts, by instruments on the host's side; the feature is ``power-meter``."""

import socket
import time
from abc import ABC, abstractmethod
from pathlib import Path
from statistics import fmean

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource
from labgrid.step import step

from lab.errors import LabError


class PowerMeterError(LabError):
    """The instrument does not answer, or says something else than a number."""


class PowerMeter(ABC):
    """What tests ask for: any instrument."""

    @abstractmethod
    def power_w(self) -> float:
        """The power now, in watts. Raises PowerMeterError."""

    def mean_w(self, seconds: float, interval: float = 0.1) -> float:
        """The mean over *seconds* of wall time, of a reading every *interval* seconds, one at least."""
        readings, end = [self.power_w()], time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(interval)
            readings.append(self.power_w())
        return fmean(readings)


@target_factory.reg_resource
@attr.s(eq=False)
class ScpiInstrument(Resource):
    """An instrument that speaks SCPI over a raw TCP socket.

    Args:
        host (str): its address
        port (int): 5025 by convention (IANA: scpi-raw)
    """

    host: str = attr.ib(validator=attr.validators.instance_of(str))
    port: int = attr.ib(default=5025, converter=int)


@target_factory.reg_driver
@attr.s(eq=False)
class ScpiPowerMeterDriver(Driver, PowerMeter):
    """Asks a bench supply or a power analyser (SCPI-99, volume 2, MEASure subsystem).

    Args:
        query (str): what is answered by watts; several, separated by commas, are multiplied: a supply that
            does not know its power knows voltage and current (``MEAS:VOLT?,MEAS:CURR?``)
        timeout (float): seconds within which the instrument must answer
    """

    bindings = {"instrument": "ScpiInstrument"}  # noqa: RUF012  (labgrid's convention)
    query: str = attr.ib(default="MEAS:POW?", validator=attr.validators.instance_of(str))
    timeout: float = attr.ib(default=5.0, converter=float)

    @Driver.check_active
    @step(result=True)
    def power_w(self) -> float:
        """The power now, in watts. Raises PowerMeterError."""
        watts = 1.0
        where = f"{self.instrument.host}:{self.instrument.port}"
        try:
            with socket.create_connection((self.instrument.host, self.instrument.port), self.timeout) as link:
                link.settimeout(self.timeout)
                with link.makefile("r", encoding="ascii", errors="replace") as answers:
                    for query in self.query.split(","):
                        link.sendall(f"{query.strip()}\n".encode())
                        answer = answers.readline().strip()
                        try:
                            watts *= float(answer)
                        except ValueError:
                            raise PowerMeterError(
                                f"{where} answers {query.strip()} by {answer!r}, which is no number"
                            ) from None
        except OSError as error:
            raise PowerMeterError(f"the power meter {where} does not answer: {error}") from error
        return watts


@target_factory.reg_resource
@attr.s(eq=False)
class HwmonSensor(Resource):
    """A power sensor of this machine, e.g. an INA226 on an I2C adapter between supply and board.

    Args:
        chip (str): its name in hwmon
        root (str): where hwmon is
    """

    chip: str = attr.ib(default="ina226", validator=attr.validators.instance_of(str))
    root: str = attr.ib(default="/sys/class/hwmon", validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class HwmonPowerMeterDriver(Driver, PowerMeter):
    """Reads a sensor through the kernel (power1_input of Documentation/hwmon/sysfs-interface.rst, in µW)."""

    bindings = {"sensor": "HwmonSensor"}  # noqa: RUF012  (labgrid's convention)

    @Driver.check_active
    @step(result=True)
    def power_w(self) -> float:
        """The power now, in watts. Raises PowerMeterError."""
        for name in sorted(Path(self.sensor.root).glob("hwmon*/name")):
            try:
                if name.read_text().strip() == self.sensor.chip:
                    return int(name.with_name("power1_input").read_text()) / 1e6
            except (OSError, ValueError) as error:
                raise PowerMeterError(f"{name.parent} gives no power: {error}") from error
        raise PowerMeterError(
            f"there is no {self.sensor.chip} below {self.sensor.root}: is its driver loaded?"
        )
