# SPDX-License-Identifier: MIT
"""What is fuzzed: bytes that somebody else wrote, made from good ones by a few damages.

A case is a sample and a program: bytes that say which damages to do to it. Hypothesis draws programs, and
shrinks one that leads to a crash to few small damages. What a target gets is always the damaged bytes; a
crash is kept as a file of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

#: Inputs that crashed once, ``cases/TARGET/NAME``: each test run plays them again.
CASES = Path(__file__).with_name("cases")

#: Numbers at which arithmetic goes wrong.
_EDGES = (
    0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0xFFF, 0x1000, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF,
    0x80000000, 0xFFFFFFFC, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
)  # fmt: skip
_STEP = 6  #: bytes of a program per damage
_MAX_SIZE = 1 << 18  #: bytes that a case may grow to


@dataclass
class Target:
    """A parser under fire.

    `samples` makes good inputs. `check` takes damaged ones and raises only where something is wrong with the
    parser: an exception that it does not declare, or a result that contradicts itself. `hot` are ranges of
    bytes where the structure is; half of the damages go there. `tokens` are words of the format. `mend` puts
    checksums right, so that damage gets behind them: each case comes as it is, and mended.
    """

    name: str
    samples: Callable[[], Sequence[bytes]]
    check: Callable[[bytes], None]
    hot: Sequence[tuple[int, int]] = ()
    tokens: Sequence[bytes] = ()
    mend: Callable[[bytearray], None] | None = None

    @cached_property
    def _samples(self) -> Sequence[bytes]:
        return self.samples()

    def make(self, program: bytes) -> Iterator[bytes]:
        """The cases of a program, one or two of each sample."""
        for sample in self._samples:
            data = bytearray(sample)
            for start in range(0, len(program), _STEP):
                self._damage(data, program[start : start + _STEP].ljust(_STEP, b"\0"))
            del data[_MAX_SIZE:]
            yield bytes(data)
            if self.mend:
                self.mend(data)
                yield bytes(data)

    def _damage(self, data: bytearray, step: bytes) -> None:
        kind, place = step[0] & 0x7F, int.from_bytes(step[1:3], "little")
        value, length = int.from_bytes(step[3:5], "little"), 1 + step[5] % 64
        at = place % (len(data) + 1)
        if self.hot and kind & 0x40:
            start, end = self.hot[place % len(self.hot)]
            at = min(start + (place >> 3) % (end - start), len(data))
        match kind % 12:
            case 0 | 1:
                data[at : at + 1] = bytes([step[3]])
            case 2:
                data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << step[3] % 8])
            case 3 | 4 | 5:
                width = (2, 4, 8)[kind % 12 - 3]
                number = _EDGES[value % len(_EDGES)] + (step[5] % 5 - 2 if step[5] & 0x80 else 0)
                order = "big" if step[5] & 0x40 else "little"
                data[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, order)
            case 6:
                del data[at:]
            case 7:
                del data[at : at + length]
            case 8:
                data[at:at] = data[at : at + length] * (1 + value % 16)
            case 9:
                data[at:at] = bytes([step[3]]) * (length << value % 8)
            case 10:
                start = value % (len(data) + 1)
                data[at : at + length] = data[start : start + length]
            case _:
                if self.tokens:
                    token = self.tokens[value % len(self.tokens)]
                    data[at : at + (len(token) if step[5] & 1 else 0)] = token

    def fuzz(self, cases: int, number: int, before: Callable[[bytes], Any] | None = None) -> None:
        """Check so many cases or a few more, drawn from the seed *number*; *before* is called with each.

        A crash is raised as it came, after the least case that makes it was given to *before*.
        """
        each = len(self._samples) * (2 if self.mend else 1)

        @seed(number)
        @settings(
            max_examples=-(-cases // each),
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.binary(min_size=_STEP, max_size=16 * _STEP))
        def run(program: bytes) -> None:
            for data in self.make(program):
                if before:
                    before(data)
                self.check(data)

        run()

    @property
    def cases(self) -> list[Path]:
        """The inputs that crashed it once."""
        return sorted((CASES / self.name).glob("*"))
