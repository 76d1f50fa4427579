# SPDX-License-Identifier: MIT
"""All that Hypothesis fuzzes; ``c/`` has what libFuzzer does."""

from tests.fuzz.audio import ARCHIVE, MEDIA, OUTPUT
from tests.fuzz.images import BOOT, EXT4, GPT, MANIFEST, SPARSE
from tests.fuzz.protocol import BOOTLOADER, CLIENT
from tests.fuzz.target import Target
from tests.fuzz.texts import ENVIRONMENT

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        BOOT, SPARSE, GPT, EXT4, MANIFEST, ENVIRONMENT, CLIENT, BOOTLOADER, MEDIA, ARCHIVE, OUTPUT
    )
}  # fmt: skip
