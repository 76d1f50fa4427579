# SPDX-License-Identifier: MIT
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from support.media import make
from support.records import faultless

from lab import report
from lab.playback import media
from lab.playback.player import Playback, Sample
from lab.playback.session import Outcome
from lab.playback.verdict import judge

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
    return Outcome(file, judge(file, [record]), Playback(samples, 4.0, 0), record)


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


def test_the_report(outcome, tmp_path):
    path = tmp_path / "new" / "report.html"
    report.write(path, [outcome], board="virtual", manifest=MANIFEST)
    text = path.read_text()
    page = Page(text)
    assert "<b>&.mp3" in page.cells and f"{len(outcome.media.payload):,}" in page.cells
    assert "a" * 64 in page.cells and "b" * 64 in page.cells
    # Self-contained: nothing is fetched, references stay in the page.
    assert all(address.startswith("#") for address in page.addresses)
    assert "@import" not in text and "url(h" not in text and "<script" not in text
    assert "prefers-color-scheme: dark" in text


def test_the_plot_has_all_curves_and_follows_the_theme(outcome, tmp_path):
    report.write(tmp_path / "report.html", [outcome], board="virtual", manifest=None)
    svg = re.search(r"<svg.*?</svg>", (tmp_path / "report.html").read_text(), re.DOTALL)[0]
    ElementTree.fromstring(svg)
    for label in ("rendered (s)", "in the ring (KiB)", "CPU (%)", "PipeWire", "player"):
        assert label in svg
    assert "currentColor" in svg and "#000000" not in svg
    assert "does not show" not in svg


def test_a_failed_playback_says_why(file, tmp_path):
    bad = Outcome(file, judge(file, None, player_error="the player <died>"), None, None)
    report.write(tmp_path / "report.html", [bad], board="db845c", manifest=None)
    text = (tmp_path / "report.html").read_text()
    Page(text)
    assert "the player &lt;died&gt;" in text
    assert '<span class="bad">failed</span>' in text
    assert "the board does not show this" in text


def test_a_truth_that_is_zero_is_no_dash(outcome, tmp_path):
    report.write(tmp_path / "report.html", [outcome], board="virtual", manifest=None)
    cells = Page((tmp_path / "report.html").read_text()).cells
    assert "0" in cells and "-" not in cells
