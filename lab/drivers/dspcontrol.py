# SPDX-License-Identifier: MIT
"""Gives orders to a model DSP, e.g. to restart. Boards that have one announce the feature ``dsp-control``."""

import json
import shlex
from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.step import step

from lab.drivers.remote import RemoteError


@target_factory.reg_driver
@attr.s(eq=False)
class DspControlDriver(Driver):
    """Speaks to the DSP model through its own command line.

    Args:
        program (str): the DSP model on the board
    """

    bindings = {"remote": "RemoteDriver"}  # noqa: RUF012  (labgrid's convention)
    program: str = attr.ib(default="virtual-adsp", validator=attr.validators.instance_of(str))

    @Driver.check_active
    @step(args=["order"], result=True)
    def order(self, order: str, timeout: float = 30) -> dict[str, Any]:
        """Send one order; the DSP's answer. Raises RemoteError where it refuses or does not answer."""
        result = self.remote.run(shlex.join([self.program, "--order", order]), timeout=timeout)
        try:
            answer = dict(json.loads(result.text))
        except (ValueError, TypeError, RecursionError) as error:
            raise RemoteError(f"the DSP does not answer to {order}: {result.stderr.strip()}") from error
        if not answer.get("ok"):
            raise RemoteError(f"the DSP refuses {order}: {answer.get('error')}")
        return answer
