# SPDX-License-Identifier: MIT
"""``make soak``: hours of the board's time with everything that players do, drawn from a seed, verified."""
