# SPDX-License-Identifier: MIT
"""labgrid's network resources with a port that may come from ``!template``, which yields text."""

import attr
from labgrid.factory import target_factory
from labgrid.resource import NetworkSerialPort, NetworkService
from labgrid.resource.fastboot import AndroidNetFastboot


@target_factory.reg_resource
@attr.s(eq=False)
class DirectNetFastboot(AndroidNetFastboot):
    """A bootloader that the host reaches itself.

    An exported AndroidNetFastboot becomes a remote one, for which labgrid runs fastboot on the exporter.
    """

    port: int = attr.ib(default=5554, converter=int)
    protocol: str = attr.ib(default="tcp", validator=attr.validators.in_(("tcp", "udp")))


@target_factory.reg_resource
@attr.s(eq=False)
class TemplatedSerialPort(NetworkSerialPort):
    """A console behind a TCP port."""

    port: int = attr.ib(kw_only=True, converter=int)
    protocol: str = attr.ib(default="raw", kw_only=True, validator=attr.validators.in_(("raw", "rfc2217")))


@target_factory.reg_resource
@attr.s(eq=False)
class TemplatedNetworkService(NetworkService):
    """A board's SSH server."""

    port: int = attr.ib(default=22, converter=int)
