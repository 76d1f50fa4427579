# SPDX-License-Identifier: MIT
"""``python -m lab.debian [VARIANT]``: build the quick image and print its deploy folder."""

import sys

from lab.debian import BuildError, build_image

try:
    print(build_image(*sys.argv[1:2], report=lambda line: print(line, file=sys.stderr)))
except BuildError as error:
    sys.exit(f"image: {error}")
except KeyboardInterrupt:
    sys.exit(130)
