# SPDX-License-Identifier: MIT
"""Random tests that can be repeated: their seed is printed, and OFFLOAD_SEED sets it."""

import os
import random


def seeded() -> random.Random:
    """A random source whose seed shows in the output of a failed test."""
    seed = int(os.environ.get("OFFLOAD_SEED") or random.SystemRandom().randrange(10**9))
    print(f"to repeat this: OFFLOAD_SEED={seed}")
    return random.Random(seed)
