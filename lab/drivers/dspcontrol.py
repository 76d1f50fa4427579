# SPDX-License-Identifier: MIT
"""Gives orders to a model DSP, e.g. to restart. Boards that have one announce the feature ``dsp-control``."""

import json
import socket
import tempfile
from pathlib import Path
from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.step import step

from lab.drivers.remote import RemoteError


@target_factory.reg_driver
@attr.s(eq=False)
class DspControlDriver(Driver):
    """Speaks to the DSP model's control socket, which SSH forwards.

    Args:
        socket (str): the Unix socket on the board
    """

    bindings = {"ssh": "SSHDriver"}  # noqa: RUF012  (labgrid's convention)
    socket: str = attr.ib(default="/run/virtual-adsp/control", validator=attr.validators.instance_of(str))

    @Driver.check_active
    @step(args=["order"], result=True)
    def order(self, order: str, timeout: float = 30) -> dict[str, Any]:
        """Send one order; the DSP's answer. Raises RemoteError where it refuses or does not answer."""
        with tempfile.TemporaryDirectory(prefix="offload-lab-") as folder:
            path = Path(folder) / "control"
            # labgrid has a public method for TCP ports only.
            with self.ssh._forward(f"-L{path}:{self.socket}"):
                try:
                    with socket.socket(socket.AF_UNIX) as link:
                        link.settimeout(timeout)
                        link.connect(str(path))
                        link.sendall(f"{order}\n".encode())
                        with link.makefile() as lines:
                            answer = json.loads(lines.readline())
                except (OSError, ValueError) as error:
                    raise RemoteError(f"the DSP does not answer to {order}: {error}") from error
        if not answer.get("ok"):
            raise RemoteError(f"the DSP refuses {order}: {answer.get('error')}")
        return dict(answer)
