# SPDX-License-Identifier: MIT
"""The command ``offload-lab``; one file per subcommand."""

import sys

from lab.cli.run import run

__all__ = ["main"]


def main() -> None:
    """Entry point: exit code 0 good, 1 failed, 2 user error, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))
