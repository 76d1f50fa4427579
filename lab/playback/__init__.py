# SPDX-License-Identifier: MIT
"""Play an encoded file on a board and judge what its DSP received and rendered."""
