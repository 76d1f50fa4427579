# SPDX-License-Identifier: MIT
"""The quick image: a root file system and boot image for the virtual board from Debian packages, in minutes."""

from lab.debian.buildroot import BuildError
from lab.debian.image import build_image

__all__ = ["BuildError", "build_image"]
