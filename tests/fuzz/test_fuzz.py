# SPDX-License-Identifier: MIT
"""The quick set of ``make fuzz``: good input passes, damaged input and all old crashes do no harm."""

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import native
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


@pytest.mark.parametrize("target", native.TARGETS.values(), ids=native.TARGETS.keys())
def test_the_dsp_model_survives_good_damaged_and_old_cases(target: Target, tmp_path: Path) -> None:
    random = Random(1)
    programs = [b"", *(random.randbytes(random.randrange(6, 60)) for _ in range(_QUICK // 10))]
    cases = []
    for number, data in enumerate(case for program in programs for case in target.make(program)):
        cases.append(tmp_path / f"{number:04d}")
        cases[-1].write_bytes(data)
    native.replay(target.name, [*target.cases, *cases])
