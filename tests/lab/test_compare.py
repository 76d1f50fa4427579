# SPDX-License-Identifier: MIT
"""Two runs against each other."""

import json

import pytest

from lab.cli.run import run
from lab.compare import compare
from lab.results import ResultsError

VIRTUAL = {
    "file": "/a/one.mp3", "codec": "mp3", "rate": 44100, "bytes_received": 1000,
    "duration_s": 4.0, "error": None,
}  # fmt: skip
#: A real board hides what its DSP received.
REAL = VIRTUAL | {"file": "/b/one.mp3", "bytes_received": None, "duration_s": 4.3}
JUNIT = """<testsuites><testsuite>
<testcase classname="t" name="plays">{}</testcase><testcase classname="t" name="dsp"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def folders(tmp_path):
    def make(one, two, junit=("", "")):
        for name, verdicts, body in (("one", one, junit[0]), ("two", two, junit[1])):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "play.json").write_text(json.dumps(verdicts))
            (tmp_path / name / "junit.xml").write_text(JUNIT.format(body))
        return tmp_path / "one", tmp_path / "two"

    return make


def test_what_a_board_cannot_tell_is_no_difference(folders):
    found = compare(*folders([VIRTUAL], [REAL]))
    assert found.files == ("one.mp3",) and found.tests == ("t.dsp", "t.plays")
    assert found.differences == ()


@pytest.mark.parametrize(
    ("change", "what"),
    [({"rate": 48000}, "rate"), ({"duration_s": 9.0}, "duration_s"), ({"error": "no sound"}, "error")],
)
def test_a_difference(folders, change, what):
    (difference,) = compare(*folders([VIRTUAL], [REAL | change])).differences
    assert (difference.subject, difference.what) == ("one.mp3", what)


def test_a_test_that_fails_on_one_board(folders):
    (difference,) = compare(*folders([VIRTUAL], [REAL], ("", "<failure/>"))).differences
    assert (difference.subject, difference.one, difference.two) == ("t.plays", "passed", "failed")
    assert compare(*folders([VIRTUAL], [REAL], ("", "<skipped/>"))).differences == ()


def test_files_of_one_run_alone(folders):
    assert compare(*folders([VIRTUAL], [])).only == ("one.mp3",)


def test_exit_codes(folders, tmp_path, capsys):
    assert run(["compare", *map(str, folders([VIRTUAL], [REAL]))]) == 0
    assert run(["compare", *map(str, folders([VIRTUAL], [REAL | {"codec": "flac"}]))]) == 1
    assert "flac" in capsys.readouterr().out
    assert run(["compare", str(tmp_path), str(tmp_path)]) == 2


def test_no_run(tmp_path):
    with pytest.raises(ResultsError, match=r"neither play\.json nor junit\.xml"):
        compare(tmp_path, tmp_path)
