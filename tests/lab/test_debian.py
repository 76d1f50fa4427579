# SPDX-License-Identifier: MIT
"""The builder of the quick image, as far as it goes without building: cache, upstream sources, errors."""

import hashlib
import multiprocessing
import subprocess
import time
from pathlib import Path

import pytest

from lab.debian import BuildError, build_image, parts, upstream
from lab.debian.cache import Cache, digest_tree


def fill(folder: Path) -> None:
    (folder / "made").write_text("content")


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    calls = []

    def build(folder: Path) -> None:
        calls.append(folder)
        fill(folder)

    cache = Cache(tmp_path)
    first = cache.entry("thing", {"a": 1}, build)
    assert cache.entry("thing", {"a": 1}, build) == first
    assert len(calls) == 1
    assert (first / "made").read_text() == "content"
    assert cache.entry("thing", {"a": 2}, build) != first
    assert len(calls) == 2


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, BuildError, OSError])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, interruption: type[BaseException]) -> None:
    def build(folder: Path) -> None:
        fill(folder)
        raise interruption

    cache = Cache(tmp_path)
    with pytest.raises(interruption):
        cache.entry("thing", {}, build)
    assert cache.find("thing", {}) is None
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_what_a_killed_build_left_is_removed_and_not_used(tmp_path: Path) -> None:
    left = tmp_path / ".thing-abc.partial"
    left.mkdir()
    fill(left)
    entry = Cache(tmp_path).entry("thing", {}, lambda folder: None)
    assert not (entry / "made").exists()
    assert not left.exists()


def slow(folder: Path) -> None:
    with (folder.parent / "builds").open("a") as log:
        log.write("x")
    time.sleep(0.3)
    fill(folder)


def make_entry(root: Path) -> None:
    Cache(root).entry("thing", {}, slow)


def test_two_processes_make_an_entry_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=make_entry, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert (tmp_path / "builds").read_text() == "x"


def test_the_digest_of_a_tree_sees_names_contents_modes_and_links(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    seen = {digest_tree(tmp_path)}
    file.write_text("two")
    seen.add(digest_tree(tmp_path))
    file.chmod(0o755)
    seen.add(digest_tree(tmp_path))
    file.rename(tmp_path / "other")
    seen.add(digest_tree(tmp_path))
    (tmp_path / "link").symlink_to("other")
    seen.add(digest_tree(tmp_path))
    assert len(seen) == 5
    with pytest.raises(FileNotFoundError):
        digest_tree(tmp_path / "none")


@pytest.fixture
def release(tmp_path: Path) -> upstream.Release:
    """A project with one tagged commit."""
    repository = tmp_path / "project"
    repository.mkdir()

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(repository), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (repository / "code.c").write_text("int x;\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    git("tag", "v1")
    return upstream.Release("project", f"file://{repository}", "v1", git("rev-parse", "HEAD"), "1")


def test_a_release_that_git_reaches_is_taken_and_kept(release: upstream.Release, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    folder = upstream.checkout(release, cache, lambda line: None)
    assert folder is not None
    assert (folder / "source/code.c").read_text() == "int x;\n"
    assert (folder / "version").read_text() == "1\n"
    (tmp_path / "project").rename(tmp_path / "gone")
    assert upstream.checkout(release, cache, lambda line: None) == folder


def test_a_host_out_of_reach_is_said(release: upstream.Release, tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "project").rename(tmp_path / "gone")
    assert upstream.checkout(release, Cache(tmp_path / "cache"), said.append) is None
    assert any("does not reach" in line for line in said)


def test_a_moved_tag_is_refused(release: upstream.Release, tmp_path: Path) -> None:
    moved = upstream.Release(release.name, release.url, release.tag, "0" * 40, release.version)
    with pytest.raises(BuildError, match="not 0000"):
        upstream.checkout(moved, Cache(tmp_path / "cache"), lambda line: None)


def test_an_unknown_variant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="patched, unpatched"):
        build_image("other", build=tmp_path)


def test_a_machine_without_the_tools_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="make setup"):
        build_image(build=tmp_path)


def test_the_bill_of_materials(tmp_path: Path) -> None:
    files = {
        "a0  ./libfoo_1%3a2.0-1+b2_arm64.deb": (
            "libfoo",
            "1:2.0-1+b2",
            "pkg:deb/debian/libfoo@1%3A2.0-1%2Bb2?arch=arm64",
        ),
        "b1  data_3_all.deb": ("data", "3", "pkg:deb/debian/data@3?arch=all"),
        "c2  bar_7.1.5.orig.tar.xz": ("bar", "7.1.5", "pkg:deb/debian/bar@7.1.5?arch=source"),
    }
    (tmp_path / "packages.sha256").write_text("".join(f"{line}\n" for line in files))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert parts.downloaded([empty, tmp_path]) == {
        name: {"version": version, "purl": purl, "sha256": line.split()[0]}
        for line, (name, version, purl) in files.items()
    }
    (tmp_path / "packages.sha256").write_text("d3  x.zip\n")
    with pytest.raises(ValueError, match="neither a package nor a tarball"):
        parts.downloaded([tmp_path])


def test_the_bill_names_what_git_fetched() -> None:
    (part,) = parts.cloned(upstream.PIPEWIRE).values()
    assert part["commit"] == upstream.PIPEWIRE.commit
    assert part["purl"].startswith("pkg:generic/pipewire@1.6.8?vcs_url=git%2Bhttps%3A%2F%2F")


def test_the_bill_has_each_patch(tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "1.0").mkdir()
    (tmp_path / "common/a.patch").write_bytes(b"a")
    (tmp_path / "1.0/b.patch").write_bytes(b"b")
    (tmp_path / "1.0/series").write_text("# comment\n1.0/b.patch # why\n\ncommon/a.patch\n")
    found = parts.patches(tmp_path, "1.0")
    assert list(found) == ["1.0/b.patch", "common/a.patch"]
    assert found["common/a.patch"] == hashlib.sha256(b"a").hexdigest()
    assert list(parts.patches(tmp_path / "common")) == ["a.patch"]
