# SPDX-License-Identifier: MIT
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from support.media import make
from support.records import faultless

from lab import report
from lab.cli.run import run
from lab.playback import media
from lab.playback.player import Playback, Sample
from lab.playback.session import Outcome
from lab.playback.verdict import judge
from lab.results import Results, ResultsError

MANIFEST = {
    "machine": "virtual-db845c", "compatible": "thundercomm,db845c", "kernel": "6.12.107",
    "pipewire": {"version": "1.4.2", "source": "debian", "patched": True},
    "artifacts": {"boot": {"file": "boot.img", "sha256": "b" * 64, "size": 1}},
    "parts": {"virtual-adsp": {"version": "1", "sha256": "a" * 64}},
}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return media.read(make(tmp_path_factory.mktemp("report") / "<b>&.mp3", seconds=2))


@pytest.fixture
def outcome(file, tmp_path):
    record = faultless(tmp_path / "0001", file)
    samples = [Sample(1.0 + n / 2, n * 10_000_000, n * 2_000_000, n * 9000) for n in range(6)]
    return Outcome(judge(file, [record]), file.offset, Playback(samples, 4.0, 0), record)


class Page(HTMLParser):
    """Balanced tags, and the cells of all tables."""

    VOID = ("meta", "br", "hr", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.addresses = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open and data.strip():
            self.cells.append(data.strip())


def test_the_report(file, outcome, tmp_path):
    path = tmp_path / "new" / "report.html"
    report.write(path, Results.now("virtual", MANIFEST, [outcome]))
    text = path.read_text()
    page = Page(text)
    assert "<b>&.mp3" in page.cells and f"{len(file.payload):,}" in page.cells
    assert "a" * 64 in page.cells and "b" * 64 in page.cells
    # Self-contained: nothing is fetched, references stay in the page.
    assert all(address.startswith("#") for address in page.addresses)
    assert "@import" not in text and "url(h" not in text and "<script" not in text
    assert "prefers-color-scheme: dark" in text


def test_the_plot_has_all_curves_and_follows_the_theme(outcome, tmp_path):
    report.write(tmp_path / "report.html", Results.now("virtual", None, [outcome]))
    svg = re.search(r"<svg.*?</svg>", (tmp_path / "report.html").read_text(), re.DOTALL)[0]
    ElementTree.fromstring(svg)
    for label in ("rendered (s)", "in the ring (KiB)", "CPU (%)", "PipeWire", "player"):
        assert label in svg
    assert "currentColor" in svg and "#000000" not in svg
    assert "does not show" not in svg


def test_a_failed_playback_says_why(file, tmp_path):
    bad = Outcome(judge(file, None, player_error="the player <died>"), file.offset, None, None)
    report.write(tmp_path / "report.html", Results.now("db845c", None, [bad]))
    text = (tmp_path / "report.html").read_text()
    Page(text)
    assert "the player &lt;died&gt;" in text
    assert '<span class="bad">failed</span>' in text
    assert "the board does not show this" in text


def test_a_truth_that_is_zero_is_no_dash(outcome, tmp_path):
    report.write(tmp_path / "report.html", Results.now("virtual", None, [outcome]))
    cells = Page((tmp_path / "report.html").read_text()).cells
    assert "0" in cells and "-" not in cells


JUNIT = """<testsuites><testsuite>
<testcase classname="t" name="good" time="1.5"/>
<testcase classname="t" name="bad" time="2"><failure message="&lt;no sound&gt;">long</failure></testcase>
<testcase classname="t" name="other"><skipped message="no loopback"/></testcase>
</testsuite></testsuites>"""


def without_ids(text):
    """The names of matplotlib's clip paths come from where its objects are in memory."""
    return re.sub(r"\bp[0-9a-f]{10}\b", "", text)


def test_the_report_is_made_again(outcome, tmp_path, capsys):
    """From the run's folder alone, wherever that is now: the media file is not needed."""
    Results.now("virtual", MANIFEST, [outcome]).save(tmp_path)
    before = tmp_path / "report.html"
    report.write(before, Results.load(tmp_path))
    text = before.read_text()
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    (moved / "report.html").unlink()
    assert run(["report", str(moved)]) == 0
    assert without_ids((moved / "report.html").read_text()) == without_ids(text)
    (again,) = Results.load(moved).outcomes
    assert again.verdict == outcome.verdict and again.playback == outcome.playback
    assert again.record.stream == outcome.record.stream
    assert "report.html" in capsys.readouterr().out


def test_a_table_of_the_tests(tmp_path):
    (tmp_path / "junit.xml").write_text(JUNIT)
    Results.now("virtual", None).save(tmp_path)
    results = Results.load(tmp_path)
    assert not results.good
    report.write(tmp_path / "report.html", results)
    cells = Page((tmp_path / "report.html").read_text()).cells
    assert cells == ["t.bad", "2.0", "<no sound>", "t.other", "0.0", "no loopback", "t.good", "1.5"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.json", None, "no run of this lab"),
        ("run.json", "{", "cannot be read"),
        ("run.json", "{}", "cannot be read"),
        ("play.json", '["x"', "cannot be read"),
        ("play.json", "{}", "cannot be read"),
        ("play.json", "[]", "cannot be read"),
        ("junit.xml", "<", "cannot be read"),
    ],
)
def test_what_is_no_run(outcome, tmp_path, name, text, message):
    Results.now("virtual", None, [outcome]).save(tmp_path)
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(ResultsError, match=message):
        Results.load(tmp_path)
