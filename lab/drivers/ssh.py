# SPDX-License-Identifier: MIT
"""labgrid's SSHDriver, which takes any host key, with RemoteDriver's rule for the key of the board."""

import re
import shutil
from pathlib import Path

import attr
from labgrid.driver import ExecutionError, SSHDriver
from labgrid.factory import target_factory

from lab.drivers.remote import HOST_ALIAS, changed_key, known_keys


@target_factory.reg_driver
@attr.s(eq=False)
class CheckedSSHDriver(SSHDriver):
    """An SSHDriver that tells whether it talks to the board.

    Args:
        known_hosts (str): RemoteDriver's file with the board's own key; one that is missing is made on first
            use. Empty: whatever key the board shows is taken
    """

    known_hosts: str = attr.ib(default="", validator=attr.validators.instance_of(str))

    def _start_own_master(self) -> str:
        """Raises HostKeyError where the board shows another key.

        Of an option that is given twice, ssh takes the first: these go before labgrid's, and into all calls.
        """
        if self.known_hosts:
            file = Path(self.known_hosts)
            file.parent.mkdir(parents=True, exist_ok=True)
            # accept-new alone would take a key of another type beside the one that is known
            strict = "yes" if known_keys(file) else "accept-new"
            name = str(file.absolute()).replace("%", "%%")
            options = (
                f"HostKeyAlias={HOST_ALIAS}",
                f'UserKnownHostsFile="{name}"',
                f"StrictHostKeyChecking={strict}",
                "GlobalKnownHostsFile=/dev/null",
                "HashKnownHosts=no",
                "UpdateHostKeys=no",
            )
            for option in options:
                self.ssh_prefix += ["-o", option]
        return super()._start_own_master()

    def _start_own_master_once(self, timeout: int) -> str:
        try:
            return super()._start_own_master_once(timeout)
        except ExecutionError as error:
            said = b"\n".join(error.stdout or []).decode(errors="replace")
            if "Host key verification failed" not in said:
                raise
            shutil.rmtree(self.tmpdir, ignore_errors=True)
            shown = re.search(r"SHA256:\S+[^.\s]", said)
            # no ExecutionError: that would be tried again until the time is up
            raise changed_key(
                shown.group() if shown else "of another type", Path(self.known_hosts)
            ) from error
