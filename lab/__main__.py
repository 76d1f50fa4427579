# SPDX-License-Identifier: MIT
"""``python -m lab`` is ``offload-lab``."""

from lab.cli import main

main()
