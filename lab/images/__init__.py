# SPDX-License-Identifier: MIT
"""What is in the image files of a board, and does it fit."""

from .error import ImageError

__all__ = ["ImageError"]
