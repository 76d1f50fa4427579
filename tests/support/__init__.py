# SPDX-License-Identifier: MIT
"""What several test folders share."""
