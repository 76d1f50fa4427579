# SPDX-License-Identifier: MIT
"""BitBake reads the layer: no error or warning, the right options, and a word about what is not set."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from bitbake import LAYER, ROOT, Build, has_clone

IMAGES = ("compress-offload-image", "compress-offload-image-dev")
RECIPES = sorted(path.stem.partition("_")[0] for path in LAYER.glob("recipes-*/*/*.bb"))
STUB = "tests/layer/kas/db845c-stub.yml"
# Whichever comes first parses for all, which takes minutes.
pytestmark = pytest.mark.timeout(3600)
Configure = Callable[..., Build]


@pytest.fixture(scope="module")
def board(configure: Configure) -> Build:
    """The layer for the real Dragonboard 845c; where meta-lts-mixins is missing, a stub stands in for it."""
    return configure("db845c", "kas/db845c.yml" if has_clone("meta-lts-mixins") else STUB)


@pytest.fixture(scope="module")
def other(configure: Configure) -> Build:
    """The layer with its feature, for a machine without a compress device."""
    return configure("qemuarm64", "kas/virtual.yml", machine="qemuarm64")


@pytest.fixture(scope="module")
def own_way(virtual: Build) -> str:
    """A configuration that comes last: of somebody with other users of FFmpeg, and no thought of safety."""
    path = virtual.folder / "conf/own-way.conf"
    path.write_text(
        'COMPRESS_OFFLOAD_TRIM_FFMPEG = "0"\n'
        'EXTRA_IMAGE_FEATURES = "allow-empty-password allow-root-login empty-root-password"\n'
    )
    virtual.user.own(path)
    return str(path)


def test_the_stub_is_for_the_meta_qcom_that_is_built() -> None:
    lock = yaml.safe_load((ROOT / "kas/db845c.lock.yml").read_text())
    stub = yaml.safe_load((ROOT / STUB).read_text())
    assert stub["repos"]["meta-qcom"]["commit"] == lock["overrides"]["repos"]["meta-qcom"]["commit"]


@pytest.mark.parametrize("build", ["virtual", "other", "board"])
def test_it_parses_without_a_word(build: str, request: pytest.FixtureRequest) -> None:
    configured = request.getfixturevalue(build)
    # What is parsed already is not judged again.
    for path in LAYER.rglob("*"):
        if path.suffix in {".bb", ".bbappend", ".inc", ".bbclass"}:
            path.touch()
    said = configured.bitbake("-p")
    assert " 0 errors." in said
    assert "WARNING" not in said and "ERROR" not in said, said


def test_the_images_have_all_that_they_need(virtual: Build) -> None:
    virtual.bitbake("-g", *IMAGES)
    built = (virtual.folder / "pn-buildlist").read_text().split()
    assert set(RECIPES) <= set(built)
    assert {
        "ffmpeg",
        "pipewire",
        "wireplumber",
        "alsa-ucm-conf",
        "linux-yocto",
        "android-tools-native",
    } <= set(built)


def test_the_boards_images_have_all_that_they_need(board: Build) -> None:
    board.bitbake("-g", *IMAGES)
    built = set((board.folder / "pn-buildlist").read_text().split())
    # The virtual board's hardware, and its boot image.
    assert {recipe for recipe in RECIPES if not recipe.startswith("virtual-")} <= built
    assert {"ffmpeg", "pipewire", "wireplumber", "alsa-ucm-conf", "linux-yocto"} <= built
    assert not [recipe for recipe in built if recipe.startswith("virtual-adsp")]


def test_pipewire_has_the_sinks_and_the_player(virtual: Build) -> None:
    pipewire = virtual.variables("pipewire")
    options = pipewire["EXTRA_OEMESON"].split()
    assert "-Dcompress-offload=enabled" in options
    assert "-Dpw-cat-ffmpeg=enabled" in options
    assert "-Dffmpeg=disabled" in options and "-Dvideoconvert=disabled" in options
    assert "-Dsystemd-system-service=enabled" in options
    assert "ffmpeg" in pipewire["DEPENDS"].split()
    assert pipewire["SYSTEMD_SERVICE:pipewire"].split() == ["pipewire.service"]


def test_wireplumber_is_a_system_service(virtual: Build) -> None:
    assert virtual.variables("wireplumber")["SYSTEMD_SERVICE:wireplumber"].split() == ["wireplumber.service"]


def test_tinycompress_is_the_newest_and_has_fcplay(virtual: Build) -> None:
    tinycompress = virtual.variables("tinycompress")
    assert tinycompress["PV"] == "1.2.16"
    assert "--enable-fcplay" in tinycompress["EXTRA_OECONF"].split()
    assert "ffmpeg" in tinycompress["DEPENDS"].split()


def test_ffmpeg_decodes_nothing(virtual: Build) -> None:
    ffmpeg = virtual.variables("ffmpeg")
    assert ffmpeg["PACKAGECONFIG"].split() == ["avcodec", "avformat"]
    options = ffmpeg["EXTRA_OECONF"].split()
    assert "--disable-everything" in options
    assert not [option for option in options if option.startswith(("--enable-decoder", "--enable-encoder"))]
    demuxers = next(option for option in options if option.startswith("--enable-demuxer="))
    assert demuxers == "--enable-demuxer=aac,ape,asf,flac,mov,mp3,ogg,wav"


def test_ffmpeg_stays_whole_where_others_use_it(virtual: Build, own_way: str) -> None:
    options = virtual.variables("ffmpeg", "-R", own_way)["EXTRA_OECONF"].split()
    assert "--disable-everything" not in options
    assert "--enable-swscale" in options


def test_the_kernel_has_the_patches_and_the_configuration(virtual: Build) -> None:
    kernel = virtual.variables("virtual/kernel")
    files = kernel["SRC_URI"].split()
    assert {"file://compress-offload.cfg", "file://sandbox.cfg", "file://virtual-db845c.cfg"} <= set(files)
    assert [file for file in files if file.endswith(".patch")]
    assert kernel["KMACHINE"] == "qemuarm64"


@pytest.mark.parametrize("name", ["linux-yocto", "linux-qcom"])
def test_both_kernels_for_the_board_have_them_too(board: Build, name: str) -> None:
    options = []
    if name == "linux-qcom":
        fragment = yaml.safe_load((ROOT / "kas/fragments/linux-qcom.yml").read_text())
        choice = board.folder / "conf/linux-qcom.conf"
        choice.write_text(fragment["local_conf_header"]["linux-qcom"])
        options = ["-R", str(choice)]
    kernel = board.variables("virtual/kernel", *options)
    assert kernel["PN"] == name
    files = kernel["SRC_URI"].split()
    assert {"file://compress-offload.cfg", "file://sandbox.cfg"} <= set(files)
    assert [file for file in files if file.endswith(".patch") and "q6asm-dai" in file]
    searched = {Path(folder).resolve() for folder in kernel["FILESEXTRAPATHS"].split(":") if folder}
    assert {LAYER / "recipes-kernel/linux" / folder for folder in ("files", "linux-yocto")} <= searched


@pytest.mark.parametrize(
    ("name", "board_file", "flag", "own"),
    [
        ("virtual-debug", "kas/virtual.yml", (), "maxcpus=1"),
        # The machine of many boards has a command line for each, in a flag of the variable.
        ("db845c-debug", STUB, ("--flag", "sdm845-db845c"), "clk_ignore_unused"),
    ],
    ids=["virtual-db845c", "qcom-armv8a"],
)
def test_debugging_asks_the_kernel_for_its_messages(
    configure: Configure, name: str, board_file: str, flag: tuple[str, ...], own: str
) -> None:
    build = configure(name, board_file, "kas/fragments/debug.yml")
    command_line = build.run("bitbake-getvar", "--value", *flag, "KERNEL_CMDLINE_EXTRA").stdout.split()
    assert {own, "snd_compress.dyndbg=+p", "q6asm_dai.dyndbg=+p"} <= set(command_line)


def test_the_release_image_lets_nobody_in(virtual: Build, own_way: str) -> None:
    image = virtual.variables("compress-offload-image", "-R", own_way)
    assert image["IMAGE_FEATURES"].split() == []
    assert "ssh" not in image["IMAGE_INSTALL"] and "development-access" not in image["IMAGE_INSTALL"]


def test_the_development_image_has_one_key(virtual: Build) -> None:
    image = virtual.variables("compress-offload-image-dev")
    assert set(image["IMAGE_FEATURES"].split()) == {"ssh-server-openssh", "tools-debug"}
    assert {"development-access", "packagegroup-compress-offload-tests"} <= set(
        image["IMAGE_INSTALL"].split()
    )


def test_artifacts_are_named_like_the_real_boards(virtual: Build) -> None:
    image = virtual.variables("compress-offload-image-dev")
    assert image["IMAGE_LINK_NAME"] == "compress-offload-image-dev-virtual-db845c.rootfs"
    assert image["IMAGE_FSTYPES"].split() == ["ext4.gz"]
    assert "-b 4096" in image["EXTRA_IMAGECMD:ext4"]
    script = virtual.bitbake("-e", "virtual/kernel")
    command = script.partition("do_bootimg_deploy() {")[2].partition("\n}\n")[0]
    assert 'boot-${dtb%.dtb}-virtual-db845c.img"' in command
    assert '--pagesize "4096"' in command
    assert "root=PARTLABEL=rootfs rw rootwait console=ttyAMA0,115200n8" in command


def test_without_the_feature_it_says_what_to_set(configure: Configure) -> None:
    # The build folder of test_signatures.py, too.
    off = configure("layer-off", "kas/virtual.yml", "tests/layer/kas/feature-off.yml", machine="qemuarm64")
    said = off.refused("-n", "compress-offload-image")
    assert 'set DISTRO_FEATURES:append = " compress-offload"' in said


def test_without_a_compress_device_it_says_what_to_set(other: Build) -> None:
    said = other.refused("-n", "compress-offload-image")
    assert "machine qemuarm64 has no compress device" in said
    assert 'set MACHINE_FEATURES:append = " compress-offload"' in said


@pytest.fixture(scope="module")
def bare(configure: Configure) -> Callable[[str], str]:
    """What BitBake says about a target to somebody who has not accepted the licence, nor named a key."""
    build = configure("bare", "kas/virtual.yml", "tests/layer/kas/license-off.yml")
    return lambda target: build.refused("-n", target, COMPRESS_OFFLOAD_SSH_KEY="")


def test_without_the_licence_it_says_what_to_set(bare: Callable[[str], str]) -> None:
    said = bare("compress-offload-image")
    assert "ffmpeg was skipped: Has a restricted license 'commercial'" in said
    assert "LICENSE_FLAGS_ACCEPTED" in said


def test_without_a_key_the_development_image_says_what_to_set(bare: Callable[[str], str]) -> None:
    assert "set COMPRESS_OFFLOAD_SSH_KEY to the public key that may log in" in bare("development-access")
