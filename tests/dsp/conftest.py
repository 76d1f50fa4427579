# SPDX-License-Identifier: MIT
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dsp.audio import BARE_MP3, Media
from tests.dsp.driver import ROOT, Dsp, build
from tests.support.media import make


@pytest.fixture(scope="session")
def program() -> Path:
    """The DSP model, built with AddressSanitizer and UndefinedBehaviorSanitizer."""
    return build(ROOT / "build/tests/dsp")


@pytest.fixture
def start(program: Path, tmp_path: Path) -> Iterator[Callable[..., Dsp]]:
    """Starts DSP models; at the end all must stop cleanly, which includes that they leaked nothing."""
    running: list[Dsp] = []

    def start(*options: str, folder: str = "dsp", stepped: bool = True) -> Dsp:
        running.append(Dsp(program, tmp_path / folder, *options, stepped=stepped))
        return running[-1]

    yield start
    failed = [dsp.log.read_text() for dsp in running if dsp.close() != 0]
    assert not failed, failed


@pytest.fixture
def dsp(start: Callable[..., Dsp]) -> Dsp:
    """A DSP whose clock the test moves."""
    return start()


@pytest.fixture
def dsp_of_yocto(tmp_path: Path) -> Iterator[Dsp]:
    """A DSP without the decoders that its recipe leaves out."""
    dsp = Dsp(build(ROOT / "build/tests/dsp-of-yocto", decoders=""), tmp_path / "dsp", stepped=True)
    yield dsp
    assert dsp.close() == 0, dsp.log.read_text()


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """Makes audio files, each only once: name and the options of support.media.make()."""
    folder = tmp_path_factory.mktemp("media")
    made: dict[tuple[Any, ...], Path] = {}

    def media(name: str, **options: Any) -> Path:
        key = (name, *sorted(options.items()))
        if key not in made:
            made[key] = make(folder / f"{len(made)}-{name}", **options)
        return made[key]

    return media


@pytest.fixture(scope="session")
def mp3(media: Media) -> Path:
    """12 s of MP3, bare frames."""
    return media("music.mp3", seconds=12, options=BARE_MP3)


@pytest.fixture(scope="session")
def flac(media: Media) -> Path:
    """12 s of FLAC."""
    return media("music.flac", seconds=12)
