# SPDX-License-Identifier: MIT
"""The quick image of the virtual board: Debian's arm64 packages and kernel, and what the layer adds to them.

The same two artifacts as the real board's come out, without a Yocto build: an Android boot image and an ext4
root file system, with a manifest that names every part.
"""

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path

from lab.debian import parts, upstream
from lab.debian.buildroot import STEPS, SUITE, BuildError, BuildRoot, Report, mmdebstrap
from lab.debian.cache import Cache, digest_tree
from lab.images.androidboot import BootImage
from lab.paths import BUILD, ROOT

LAYER = ROOT / "meta-compress-offload"
DEFINITIONS = STEPS.parent
VARIANTS = ("patched", "unpatched")

MACHINE = "virtual-db845c"
COMPATIBLE = "thundercomm,db845c"
COMMAND_LINE = (
    "root=PARTLABEL=rootfs rw rootwait console=ttyAMA0 net.ifnames=0 quiet systemd.show_status=no"
    # Without this systemd asks the terminal for its size and waits for an answer.
    " systemd.tty.term.console=dumb systemd.tty.term.ttyAMA0=dumb"
    # One CPU at a time is emulated under icount, so a second one only costs; nothing here needs an LSM.
    " maxcpus=1 lsm=capability"
)


def _lines(name: str) -> list[str]:
    """The entries of a list beside this file; ``#`` starts a comment."""
    text = (DEFINITIONS / name).read_text()
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def build_image(
    variant: str = "patched",
    *,
    pipewire_source: str | None = None,
    report: Report = print,
    build: Path = BUILD,
) -> Path:
    """Build, or find in the cache, the deploy folder of the quick image.

    *variant* ``unpatched`` has PipeWire and the audio drivers as released, and all else alike.
    *pipewire_source* is ``git``, ``debian`` or ``auto``, by default the environment's PIPEWIRE_SOURCE. One
    line of progress at a time goes to *report*. Raises BuildError with one sentence that names the log.
    """
    if variant not in VARIANTS:
        raise BuildError(f"no image variant '{variant}'; there are: {', '.join(VARIANTS)}")
    for tool in ("mmdebstrap", "bwrap"):
        if shutil.which(tool) is None:
            raise BuildError(f"'{tool}' is not installed; run 'make setup'")
    quick = QuickImage(build, report)
    return quick.deploy(variant, pipewire_source or os.environ.get("PIPEWIRE_SOURCE", "auto"))


class QuickImage:
    """The parts of the image, each a step in the build root."""

    def __init__(self, build: Path, report: Report) -> None:
        self.cache = Cache(build / "cache")
        self.root = BuildRoot(self.cache, build / "logs", report)
        self.report = report
        self.fetch = STEPS / "fetch.sh"

    def kernel(self) -> Path:
        """Debian's kernel: ``vmlinuz``, ``lib/modules``, ``headers``, and ``source`` of what is patched."""
        title = "kernel: Debian's for arm64"
        return self.root.step("kernel", {"fetch": self.fetch}, title=title, network=True)

    def samples(self) -> Path:
        """For tests: ``music.ape``, ``lossless.wma`` and ``pro-silence.wma``, which no free encoder makes."""
        return self.root.step("samples", {"fetch": self.fetch}, title="sample files", network=True)

    def deploy(self, variant: str, pipewire_source: str) -> Path:
        """The deploy folder of *variant*: boot image, root file system, manifest and the lab's key."""
        step, fetch = self.root.step, self.fetch
        recipes = LAYER / "recipes-multimedia"
        adsp = LAYER / "recipes-kernel/virtual-adsp/files"

        kernel = self.kernel()
        packed = step("kernel-image", {"kernel": kernel}, title="kernel image")
        initramfs = step(
            "initramfs", {"fetch": fetch, "kernel": kernel, "init": DEFINITIONS / "initramfs"},
            title="initramfs", network=True,
        )  # fmt: skip
        dtb = step("dtb", {"dts": adsp / "dts"}, title="device tree")
        drivers = step(
            "drivers",
            {"kernel": kernel, "module": adsp / "module", "patches": LAYER / "recipes-kernel/linux/files"},
            title="kernel modules of the virtual ADSP",
        )
        modules = step(
            "modules", {"kernel": kernel, "names": DEFINITIONS / "modules.txt", "built": drivers},
            {"BUILT": "needed patched" if variant == "patched" else "needed"},
            title="kernel modules of the image",
        )  # fmt: skip
        avcodec = step("avcodec", {"fetch": fetch}, title="libavcodec for the virtual ADSP", network=True)
        faad = step("faad", {"fetch": fetch}, title="libfaad for the virtual ADSP", network=True)
        dsp = self._program(
            "virtual-adsp",
            {"source": adsp / "dsp", "module": adsp / "module", "avcodec": avcodec, "faad": faad},
        )
        client = self._program("compress-client", {"source": recipes / "compress-client/files"})

        ffmpeg = step("ffmpeg", {"fetch": fetch}, title="FFmpeg, demuxers only", network=True)
        gstreamer = step("gstreamer", {"fetch": fetch}, title="GStreamer", network=True)
        origin, source = self._pipewire_source(pipewire_source)
        version = (source / "version").read_text().strip()
        pipewire = step(
            "pipewire", {
                "source": source, "patches": recipes / "pipewire/files", "ffmpeg": ffmpeg,
                "gstreamer": gstreamer, "install": STEPS / "meson_install.py",
            },
            title=f"PipeWire {version} ({origin})",
        )  # fmt: skip
        wireplumber = step("wireplumber", {"fetch": fetch}, title="WirePlumber", network=True)
        trees = {
            "tree-wireplumber": wireplumber / "tree",
            "tree-pipewire": pipewire / variant,
            "tree-ffmpeg": ffmpeg / "tree",
            "tree-gstreamer": gstreamer / "tree",
            "tree-modules": modules,
            "tree-dsp": dsp,
            "tree-client": client,
        }
        tinycompress = upstream.checkout(upstream.TINYCOMPRESS, self.cache, self.report)
        if tinycompress is not None:
            trees["tree-tinycompress"] = step(
                "tinycompress", {"source": tinycompress, "ffmpeg": ffmpeg}, title="tinycompress"
            )
        keys = step("keys", title="keys of this lab")
        base = self._base()
        rootfs = step(
            "rootfs",
            {
                "base": base, "overlay": DEFINITIONS / "overlay", "keys": keys, "adsp": adsp / "systemd",
                "pipewire": recipes / "pipewire/files", "wireplumber": recipes / "wireplumber/files",
                "pipewire-service": recipes / "pipewire/pipewire",
                "ucm": recipes / "alsa-ucm-conf/files", **trees,
            },
            {"MASK": " ".join(_lines("masked-units.txt"))},
            title=f"root file system ({variant} PipeWire)",
        )  # fmt: skip

        bill = parts.downloaded(
            [base, kernel, initramfs, ffmpeg, gstreamer, avcodec, faad, wireplumber, source]
        )
        if origin == "git":
            bill |= parts.cloned(upstream.PIPEWIRE)
        if tinycompress is not None:
            bill |= parts.cloned(upstream.TINYCOMPRESS)
        for name, built in (("kernel modules", drivers), ("virtual-adsp", dsp), ("compress-client", client)):
            bill |= parts.own(name, built)
        bill["wireplumber"]["patches"] = parts.patches(recipes / "wireplumber/files")
        bill["alsa-ucm-conf"]["patches"] = parts.patches(recipes / "alsa-ucm-conf/files")
        release = (kernel / "release").read_text().strip()
        if variant == "patched":
            bill["pipewire"]["patches"] = parts.patches(recipes / "pipewire/files", version)
            bill["kernel modules"]["patches"] = parts.patches(
                LAYER / "recipes-kernel/linux/files", ".".join(release.split(".")[:2])
            )
        key = {
            "bill": bill,
            "parts": [str(part.name) for part in (packed, initramfs, dtb, rootfs, keys)],
            "command line": COMMAND_LINE,
            "builder": digest_tree(Path(__file__)),
        }

        def assemble(folder: Path) -> None:
            self.report("deploy folder …")
            image = BootImage(
                kernel=(packed / "Image.gz").read_bytes(),
                dtb=(dtb / "virtual-db845c.dtb").read_bytes(),
                ramdisk=(initramfs / "initramfs.cpio.gz").read_bytes(),
                cmdline=COMMAND_LINE,
            )
            boot = folder / f"boot-{MACHINE}.img"
            boot.write_bytes(image.pack())
            # The cache never changes an entry, so a second name saves a copy of some 300 MB.
            os.link(rootfs / "rootfs.ext4", folder / "rootfs.ext4")
            shutil.copy(keys / "id_ed25519", folder / "id_ed25519")
            (folder / "id_ed25519").chmod(0o600)
            shutil.copy(keys / "ssh_host_ed25519_key.pub", folder / "ssh_host_ed25519_key.pub")
            manifest = {
                "machine": MACHINE,
                "compatible": COMPATIBLE,
                "kernel": release,
                "pipewire": {
                    "version": version,
                    "source": origin,
                    "patched": variant == "patched",
                },
                "artifacts": {
                    "boot": _artifact(boot),
                    "rootfs": _artifact(folder / "rootfs.ext4"),
                },
                "parts": bill,
            }
            (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")

        return self.cache.entry(f"deploy-{variant}", key, assemble)

    def _program(self, name: str, sources: dict[str, Path]) -> Path:
        return self.root.step(name, sources, script="program", title=name)

    def _pipewire_source(self, wanted: str) -> tuple[str, Path]:
        """Where PipeWire's source comes from, and the folder that holds it."""
        if wanted not in ("auto", "git", "debian"):
            raise BuildError(f"PIPEWIRE_SOURCE={wanted}: it is one of auto, git, debian")
        if wanted != "debian":
            source = upstream.checkout(upstream.PIPEWIRE, self.cache, self.report)
            if source is not None:
                return "git", source
            if wanted == "git":
                raise BuildError(f"PIPEWIRE_SOURCE=git, but git does not reach {upstream.PIPEWIRE.url}")
        step = self.root.step
        return "debian", step(
            "pipewire-debian", {"fetch": self.fetch}, title="PipeWire's source from Debian", network=True
        )

    def _base(self) -> Path:
        options = [
            "--variant=extract",
            "--architectures=arm64",
            f"--include={','.join(_lines('packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            '--extract-hook=cd "$1/var/cache/apt/archives" && sha256sum *.deb > "$1/packages.sha256"',
            SUITE,
        ]

        def extract(folder: Path) -> None:
            self.report("Debian's packages for arm64 …")
            mmdebstrap([*options, str(folder / "rootfs.tar")], self.root.logs / "base.log")
            with tarfile.open(folder / "rootfs.tar") as archive:
                listing = archive.extractfile("./packages.sha256")
                assert listing is not None
                (folder / "packages.sha256").write_bytes(listing.read())

        return self.cache.entry("base", {"mmdebstrap": options}, extract)


def _artifact(path: Path) -> dict[str, str | int]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"file": path.name, "sha256": digest, "size": path.stat().st_size}
