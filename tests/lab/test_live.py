# SPDX-License-Identifier: MIT
"""What somebody sees who watches a playback."""

import json
from types import SimpleNamespace

import pytest
from rich.console import Console
from support.media import make

from lab.cli.live import PlayView
from lab.cli.play import play_all
from lab.cli.screen import Screen
from lab.playback import media, session


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return media.read(make(tmp_path_factory.mktemp("live") / "[b]a.mp3", seconds=2))


def drawn(view):
    console = Console(width=100, force_terminal=False)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


def status(**stream):
    return "dsp " + json.dumps({"ok": True, "streams": [stream]})


def test_while_the_file_is_copied(file):
    view = PlayView(file)
    view.copied(250, 1000)
    assert "[b]a.mp3" in drawn(view) and "25%" in drawn(view)


def test_a_board_whose_dsp_tells(file):
    view = PlayView(file)
    view.read_line("sample 10.0 1000000 2000000 4096 100")
    view.read_line("sample 11.0 2000000 7000000 20480 103")
    view.read_line("kernel [   12.3] q6asm: [something]")
    view.read_line(
        status(codec="mp3", rate=44100, frames_rendered=66150, bytes_received=9216, bytes_decoded=1024)
    )
    text = drawn(view)
    for part in ("0:01.5 of 0:02.0", "8 KiB", "20 KiB", "PipeWire 0.10 %, player 0.50 %", "3.0 a second",
                 "[   12.3] q6asm: [something]"):  # fmt: skip
        assert part in text, text


def test_a_board_that_does_not_tell(file):
    """The time since the player began stands for the position."""
    view = PlayView(file)
    view.read_line("sample 10.0 0 0 0 0")
    view.read_line("sample 10.7 0 0 0 0")
    assert "playing for" in drawn(view) and "0:00.7 of" in drawn(view)


@pytest.mark.parametrize("line", ["dsp", "dsp {", "dsp {}", "dsp []", "kernel", "nonsense", ""])
def test_a_line_that_is_none(file, line):
    PlayView(file).read_line(line)


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_is_drawn_on(file, terminal, tmp_path, monkeypatch):
    """Elsewhere plain lines tell how far it is, and the board is not asked for more."""
    asked = {}

    def play(target, file, folder, *, on_line, **options):
        asked.update(options)
        on_line("sample 10.0 0 0 0 0")
        on_line("sample 13.0 0 0 0 0")

    monkeypatch.setattr(session, "play", play)
    screen = Screen()
    screen.console = Console(width=100, force_terminal=terminal, highlight=False)
    target = SimpleNamespace(get_driver=lambda name: SimpleNamespace(codecs=lambda: ["mp3"]))
    with screen.console.capture() as capture:
        play_all(screen, target, [file], tmp_path)
    assert bool(asked.get("follow")) == terminal
    assert ("100%" in capture.get()) != terminal
    assert "[b]a.mp3" in capture.get()
