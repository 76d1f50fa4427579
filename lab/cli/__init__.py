# SPDX-License-Identifier: MIT
"""The command ``offload-lab``; one file per subcommand."""

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point: exit code 0 good, 1 failed, 2 user error, 130 interrupted."""
    try:
        # Here and not above, so that Ctrl-C while Python still loads is no traceback either.
        from lab.cli.run import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
