# SPDX-License-Identifier: MIT
"""One target in a process of its own, so that a crash of a library in C ends nothing else.

Prints the number of cases done now and then; ``python -m tests.fuzz.child TARGET CASES SEED FILE`` keeps
the case that it works on in FILE.
"""

import resource
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS

#: Cases per run of Hypothesis, which remembers all of a run. The Nth batch has the seed plus N.
BATCH = 2000
#: Bytes of address space; a case that makes a parser want more is a crash.
_MEMORY = 4 << 30


def main() -> None:
    """Run the target; the traceback of a crash goes to standard error, and the exit code is 1."""
    name, cases, seed, file = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    done = 0
    with Path(file).open("w+b", buffering=0) as current:

        def before(data: bytes) -> None:
            nonlocal done
            done += 1
            if done % 100 == 0:
                print(done, flush=True)
            current.seek(0)
            current.write(data)
            current.truncate()

        batch = 0
        while done < int(cases):
            TARGETS[name].fuzz(min(BATCH, int(cases) - done), int(seed) + batch, before)
            batch += 1
            print(done, flush=True)


if __name__ == "__main__":
    main()
