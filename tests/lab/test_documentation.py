# SPDX-License-Identifier: MIT
"""What the documentation tells people to type exists: commands, options, targets, files, anchors.

tests/board/test_readme.py types some of it.
"""

import re
import shlex

import click
import pytest

from lab.cli.run import cli
from lab.paths import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "kas/ci/README.md"]
DOCUMENTS += [ROOT / "meta-compress-offload/README.md"]


def typed(document):
    """The lines of *document* that are shown as code, and the commands within its sentences."""
    text = document.read_text()
    yield from re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    yield from re.findall(r"`((?:offload-lab|make) [^`]+)`", text)


def commands(program):
    """(document, words) of each command of *program* that a document shows."""
    for document in DOCUMENTS:
        for line in typed(document):
            if line.startswith(f"{program} "):
                yield document.name, shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize(("document", "words"), list(commands("offload-lab")), ids=str)
def test_the_command_is_understood(document, words):
    """Parsed as click would, with all options and arguments, but not run."""
    if words[0].isupper():
        return  # `offload-lab COMMAND --help` stands for all
    command, context = cli, click.Context(cli)
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        if not words and not any(parameter.required for parameter in command.params):
            return
        context = click.Context(command, info_name=name, parent=context)
    # `offload-lab flash` within a sentence is the command's name.
    if words:
        command.parse_args(context, words)


@pytest.mark.parametrize(("document", "words"), list(commands("make")), ids=str)
def test_the_target_is_there(document, words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for word in words:
        assert word in targets or "=" in word or word == "-s", f"make has no target {word}"


def anchors(document):
    """The names of a document's headings, as its readers' tools make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_that_are_named_exist(document):
    """`test_something.py` and `test_something` in the documents: a proof that is gone proves nothing."""
    sources = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    for name in re.findall(r"\btest_\w+\.py", document.read_text()):
        assert name in sources, name
    functions = "".join(sources.values())
    for name in re.findall(r"`(test_\w+)`", document.read_text()):
        assert f"def {name}(" in functions, name
