# SPDX-License-Identifier: MIT
"""The quick image of the virtual board: made from Debian packages, in minutes."""

from lab.debian.buildroot import BuildError
from lab.debian.image import build_image

__all__ = ["BuildError", "build_image"]
