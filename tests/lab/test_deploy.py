# SPDX-License-Identifier: MIT
import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samples import HARDWARE, VIRTUAL, boot_image, ext4_head, write

from lab.images import ImageError
from lab.images.deploy import DeployFolder
from lab.images.sparse import Kind, build

SIZE = 1 << 20
ROOTFS = ext4_head(SIZE) + bytes(SIZE - 4096)


def _entry(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _manifest(folder: Path) -> dict[str, Any]:
    """A sound deploy folder; gives the manifest back for the test to spoil."""
    boot = write(folder / "boot-virtual-db845c.img", boot_image().pack())
    rootfs = write(folder / "rootfs.ext4", ROOTFS)
    manifest = {
        "machine": "virtual-db845c",
        "compatible": "thundercomm,db845c",
        "kernel": "6.12.107",
        "pipewire": {"version": "1.4.2", "source": "debian", "patched": True},
        "artifacts": {"boot": _entry(boot), "rootfs": _entry(rootfs)},
        "parts": {"dsp": {"version": "1", "sha256": "0" * 64}},
    }
    _save(folder, manifest)
    return manifest


def _save(folder: Path, manifest: object) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_folder_with_a_manifest(tmp_path: Path) -> None:
    _manifest(tmp_path)
    folder = DeployFolder.open(tmp_path)
    assert [(image.partition, image.path.name) for image in folder.images] == [
        ("boot", "boot-virtual-db845c.img"),
        ("rootfs", "rootfs.ext4"),
    ]
    assert folder.manifest is not None
    assert folder.manifest.pipewire["patched"] is True
    folder.check_fit({"boot": 64 << 20, "rootfs": SIZE})


def test_an_image_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    _manifest(tmp_path)
    folder = DeployFolder.open(tmp_path)
    with pytest.raises(
        ImageError, match=r"rootfs\.ext4 needs 1,048,576 bytes, the partition rootfs has 1,048,575"
    ):
        folder.check_fit({"boot": 64 << 20, "rootfs": SIZE - 1})
    with pytest.raises(ImageError, match="the board has no partition rootfs"):
        folder.check_fit({"boot": 64 << 20})


def _drop(field: str) -> Callable[[Path, dict[str, Any]], None]:
    def spoil(_: Path, manifest: dict[str, Any]) -> None:
        del manifest[field]

    return spoil


def _set(partition: str, field: str, value: object) -> Callable[[Path, dict[str, Any]], None]:
    def spoil(_: Path, manifest: dict[str, Any]) -> None:
        manifest["artifacts"][partition][field] = value

    return spoil


def _replace(name: str, data: bytes, partition: str) -> Callable[[Path, dict[str, Any]], None]:
    def spoil(folder: Path, manifest: dict[str, Any]) -> None:
        manifest["artifacts"][partition] = _entry(write(folder / name, data))

    return spoil


def _link_out(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "rootfs.ext4").rename(folder.parent / "elsewhere.ext4")
    (folder / "rootfs.ext4").symlink_to("../elsewhere.ext4")


def _damage(folder: Path, _: dict[str, Any]) -> None:
    (folder / "rootfs.ext4").write_bytes(ROOTFS[:-1] + b"x")


def _shorten(folder: Path, _: dict[str, Any]) -> None:
    (folder / "rootfs.ext4").write_bytes(ROOTFS[:-1])


def _remove(folder: Path, _: dict[str, Any]) -> None:
    (folder / "rootfs.ext4").unlink()


def _unknown(_: Path, manifest: dict[str, Any]) -> None:
    manifest["artifacts"]["modem"] = manifest["artifacts"]["rootfs"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop("compatible"), "field compatible is missing"),
        (_drop("artifacts"), "field artifacts is missing"),
        (lambda _, m: m.update(artifacts={}), "names no artifacts"),
        (lambda _, m: m.update(artifacts={"boot": 1}), "boot is not a JSON object"),
        (_set("boot", "size", "large"), "size is missing or not of type int"),
        (_set("boot", "sha256", "beef"), "not 64 hexadecimal digits"),
        (_set("boot", "file", "/etc/passwd"), "/etc/passwd is not a file inside"),
        (_set("boot", "file", "../x.img"), r"\.\./x.img is not a file inside"),
        (_set("boot", "file", "."), "is not a file inside"),
        (_link_out, "rootfs.ext4 is not a file inside"),
        (_damage, "damaged: its SHA-256"),
        (_shorten, "1,048,575 bytes, the manifest says 1,048,576"),
        (_remove, "is missing, though the manifest names it"),
        (_unknown, "partition modem is unknown"),
        (_replace("r", ROOTFS[:-4096], "rootfs"), "truncated: 1,044,480 of 1,048,576"),
        (_replace("r", bytes(SIZE), "rootfs"), "bad ext4 magic"),
        (_replace("r", ext4_head(4096, 1024), "rootfs"), "blocks of 1024 bytes, the board needs 4096"),
        (
            _replace("b", boot_image(compatible=["other,board"]).pack(), "boot"),
            "it is for other,board, not for",
        ),
        (_replace("b", b"x" * 5000, "boot"), "bad boot magic"),
    ],
)
def test_a_bad_folder_is_refused_with_the_reason(
    tmp_path: Path, spoil: Callable[[Path, dict[str, Any]], None], message: str
) -> None:
    folder = tmp_path / "deploy"
    folder.mkdir()
    manifest = _manifest(folder)
    spoil(folder, manifest)
    _save(folder, manifest)
    with pytest.raises(ImageError, match=message):
        DeployFolder.open(folder)


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[]", "does not hold a JSON object")])
def test_a_manifest_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ImageError, match=message):
        DeployFolder.open(tmp_path)


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is not a folder"):
        DeployFolder.open(tmp_path / "none")


def _yocto(folder: Path) -> None:
    """As meta-qcom leaves it: a boot image per device tree, and links without the time stamp."""
    for tree, compatible in {"apq8016-sbc": ["qcom,apq8016-sbc"], "sdm845-db845c": HARDWARE}.items():
        for year in (2025, 2026):
            image = boot_image(str(year), compatible=compatible)
            write(folder / f"boot-{tree}-qcom-armv8a-{year}.img", image.pack())
        (folder / f"boot-{tree}-qcom-armv8a.img").symlink_to(f"boot-{tree}-qcom-armv8a-2026.img")
    (folder / "boot-qcom-armv8a.img").symlink_to("boot-apq8016-sbc-qcom-armv8a-2026.img")
    write(folder / "offload-image-qcom-armv8a-2026.rootfs.ext4.gz", gzip.compress(ROOTFS))
    (folder / "offload-image-qcom-armv8a.rootfs.ext4.gz").symlink_to(
        "offload-image-qcom-armv8a-2026.rootfs.ext4.gz"
    )


def test_a_yocto_folder(tmp_path: Path) -> None:
    _yocto(tmp_path)
    folder = DeployFolder.open(tmp_path, "thundercomm,db845c")
    boot, rootfs = folder.images
    assert folder.manifest is None
    assert boot.path.name == "boot-sdm845-db845c-qcom-armv8a-2026.img"
    assert (rootfs.packed, rootfs.size) == (True, SIZE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    plain = rootfs.unpack(scratch)
    assert plain.path.read_bytes() == ROOTFS
    assert (plain.size, plain.packed, plain.unpack(scratch)) == (SIZE, False, plain)


def test_a_yocto_folder_of_several_boards_needs_a_board(tmp_path: Path) -> None:
    _yocto(tmp_path)
    with pytest.raises(ImageError, match="holds more than one boot image"):
        DeployFolder.open(tmp_path)
    with pytest.raises(ImageError, match=r"no boot image in .* is for some,board"):
        DeployFolder.open(tmp_path, "some,board")


def test_what_the_links_lead_to_counts_not_what_was_touched_last(tmp_path: Path) -> None:
    _yocto(tmp_path)
    os.utime(tmp_path / "boot-sdm845-db845c-qcom-armv8a-2025.img", (2**31, 2**31))
    boot, _ = DeployFolder.open(tmp_path, "thundercomm,db845c").images
    assert boot.path.name == "boot-sdm845-db845c-qcom-armv8a-2026.img"


@pytest.mark.parametrize("newest", ["image", "image-dev"])
def test_of_several_images_the_newest_is_taken(tmp_path: Path, newest: str) -> None:
    write(tmp_path / "boot-virtual-db845c-virtual-db845c.img", boot_image(compatible=VIRTUAL).pack())
    for age, name in enumerate(sorted(("image", "image-dev"), key=lambda name: name != newest)):
        file = write(tmp_path / f"{name}-virtual-db845c.rootfs.ext4.gz", gzip.compress(ROOTFS))
        os.utime(file, (1000 - age, 1000 - age))
    _, rootfs = DeployFolder.open(tmp_path, "linux,dummy-virt").images
    assert rootfs.path.name == f"{newest}-virtual-db845c.rootfs.ext4.gz"


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"there is no manifest\.json and no boot image"):
        DeployFolder.open(tmp_path)


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-100], lambda d: d[:-8] + bytes(8), lambda d: d[:600] + b"x" + d[601:]]
)
def test_a_corrupt_gzip_leaves_no_half_a_copy(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    _yocto(tmp_path)
    rootfs = DeployFolder.open(tmp_path, "thundercomm,db845c").images[1]
    noise = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(10_000))
    rootfs.path.write_bytes(spoil(gzip.compress(ROOTFS[:4096] + noise)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(ImageError, match="corrupt"):
        rootfs.unpack(scratch)
    assert list(scratch.iterdir()) == []


def test_a_sparse_root_file_system_counts_as_what_it_expands_to(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    sparse = build([(Kind.RAW, 1, ext4_head(SIZE)), (Kind.DONT_CARE, SIZE // 4096 - 1, b"")])
    manifest["artifacts"]["rootfs"] = _entry(write(tmp_path / "r", sparse))
    _save(tmp_path, manifest)
    assert DeployFolder.open(tmp_path).images[1].size == SIZE


def test_the_virtual_boards_image_is_not_for_hardware_only(tmp_path: Path) -> None:
    _manifest(tmp_path)
    for name in VIRTUAL:
        assert DeployFolder.open(tmp_path, name).images
