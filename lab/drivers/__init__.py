# SPDX-License-Identifier: MIT
"""labgrid drivers and resources of our own, for what the stock ones do not do; one per file.

Importing this package registers them: an environment names it under ``imports:``.
"""

from lab.drivers.dspcontrol import DspControlDriver
from lab.drivers.dsprecord import DspRecordDriver
from lab.drivers.endpoints import DirectNetFastboot, TemplatedNetworkService, TemplatedSerialPort
from lab.drivers.fastboot import LimitedFastbootDriver
from lab.drivers.player import PlayerDriver
from lab.drivers.powermeter import (
    HwmonPowerMeterDriver,
    HwmonSensor,
    ScpiInstrument,
    ScpiPowerMeterDriver,
)
from lab.drivers.remote import RemoteDriver
from lab.drivers.ssh import CheckedSSHDriver

__all__ = [
    "CheckedSSHDriver",
    "DirectNetFastboot",
    "DspControlDriver",
    "DspRecordDriver",
    "HwmonPowerMeterDriver",
    "HwmonSensor",
    "LimitedFastbootDriver",
    "PlayerDriver",
    "RemoteDriver",
    "ScpiInstrument",
    "ScpiPowerMeterDriver",
    "TemplatedNetworkService",
    "TemplatedSerialPort",
]
