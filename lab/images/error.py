# SPDX-License-Identifier: MIT
"""The one exception of this package."""


class ImageError(Exception):
    """An image file is not what it should be; the message is one sentence for the user."""
