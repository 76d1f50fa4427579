# SPDX-License-Identifier: MIT
"""Files of the codecs that no free program encodes: from the test data in Debian's sources, cached."""

from pathlib import Path

import pytest

from lab.debian.buildroot import BuildError
from lab.debian.image import QuickImage
from lab.paths import BUILD


def sample(name: str) -> Path:
    """``music.ape``, ``lossless.wma``, ``pro-silence.wma``; skips where apt does not reach Debian."""
    try:
        return QuickImage(BUILD, lambda line: None).samples() / name
    except BuildError as error:
        pytest.skip(f"sample {name}: {error}; Debian's sources must be in reach of apt")
