# SPDX-License-Identifier: MIT
"""The quick set of ``make fuzz``: good input passes, damaged input and all old crashes do no harm."""

from pathlib import Path

import pytest

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

#: Enough to see that a target works; the crashes are for ``make fuzz`` to find.
_QUICK = 300

_CASES = [(target, case) for target in TARGETS.values() for case in target.cases]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_a_few_hundred_damaged_inputs_do_no_harm(target: Target) -> None:
    target.fuzz(_QUICK, 1)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_good_input_is_not_refused(target: Target) -> None:
    for data in target.make(b""):
        target.check(data)


@pytest.mark.parametrize(
    ("target", "case"), _CASES, ids=[f"{target.name}: {case.name}" for target, case in _CASES]
)
def test_what_crashed_once_does_not_again(target: Target, case: Path) -> None:
    target.check(case.read_bytes())
