# SPDX-License-Identifier: MIT
"""Tools that flash, boot, play and measure compressed offload on a board."""
