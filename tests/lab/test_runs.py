# SPDX-License-Identifier: MIT
"""Folders of runs: pruned by count, and told of on one page."""

import json
import shutil
import subprocess

import pytest
from labgrid.step import step, steps

from lab import runs
from lab.errors import UserError
from lab.report import index
from lab.report.run import read


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    for day in range(1, 6):
        (tmp_path / "runs" / f"2026010{day}-120000-play").mkdir(parents=True)
    (tmp_path / "runs" / "mine").mkdir()
    return tmp_path / "runs"


def test_the_oldest_runs_go(root, monkeypatch):
    monkeypatch.setenv("OFFLOAD_RUNS", "3")
    new = runs.new_folder("play")
    assert [path.name for path in runs.existing(root)] == [
        "20260104-120000-play", "20260105-120000-play", new.name,
    ]  # fmt: skip
    assert (root / "mine").exists(), "what is no run is nobody's to remove"
    assert (root / "latest").resolve() == new.resolve()


@pytest.mark.parametrize("text", ["0", "many", "-1"])
def test_a_number_that_is_none(monkeypatch, text):
    monkeypatch.setenv("OFFLOAD_RUNS", text)
    with pytest.raises(UserError, match="number of runs to keep"):
        runs.kept()


class Driver:
    @step(args=["text"])
    def works(self, text):
        pass

    @step()
    def fails(self):
        self.works("x")
        raise ValueError("no\nluck")


def test_each_step_is_logged(tmp_path):
    log = runs.StepLog(tmp_path / "steps.log")
    steps.subscribe(log.notify)
    try:
        with pytest.raises(ValueError, match="no"):
            Driver().fails()
    finally:
        steps.unsubscribe(log.notify)
    inner, outer = (tmp_path / "steps.log").read_text().splitlines()
    assert "   Driver.works text=x done in 0." in inner
    assert " Driver.fails failed: no luck in 0." in outer


@pytest.fixture
def page(root):
    verdicts = [{"file": "a.mp3", "error": None}, {"file": "<b>.mp3", "error": "no sound"}]
    (root / "20260105-120000-play" / "play.json").write_text(json.dumps(verdicts))
    (root / "20260105-120000-play" / "report.html").write_text("x")
    (root / "20260104-120000-play" / "junit.xml").write_text(
        '<s><testcase classname="t" name="n"/><testcase classname="t" name="o"><skipped/></testcase></s>'
    )
    figures = {
        "instructions_per_second_of_audio": {"MP3 offloaded": {"total": 840123.4}},
        "wakeups_per_second": {"MP3 offloaded": 0.25},
    }
    (root / "20260103-120000-play" / "bench.json").write_text(json.dumps(figures))
    return index.write(root)


def test_what_a_run_tells(page):
    newest, tested, measured, *_, oldest = (read(path) for path in reversed(runs.existing(page.parent)))
    assert (newest.good, newest.bad, newest.report) == (1, 1, True)
    assert (tested.good, tested.bad, tested.skipped) == (1, 0, 1)
    assert measured.costs == {"MP3 offloaded": 840123.4} and measured.wakeups == {"MP3 offloaded": 0.25}
    assert (oldest.good, oldest.bad, oldest.skipped, oldest.costs) == (0, 0, 0, {})


def test_the_page_in_a_browser(page, tmp_path):
    """What a browser makes of it: the newest run first, with its link and its numbers."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no chromium here: apt-get install chromium")
    dom = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    ).stdout  # fmt: skip
    rows = dom.split("<tbody>")[1].split("<tr>")[1:]
    assert len(rows) == 5
    assert 'href="20260105-120000-play/report.html"' in rows[0]
    assert '<td class="bad">1</td>' in rows[0]
    assert "MP3 offloaded: 840,123" in rows[2]
    picture = dom.split("<svg")[1].split("</svg>")[0]
    for label in ("wake-ups", "MP3 offloaded", "passed", "failed", "20260103", "20260105"):
        assert label in picture
    assert "20260101" not in picture, "a run without results is no point in the picture"
