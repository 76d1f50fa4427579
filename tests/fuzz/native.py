# SPDX-License-Identifier: MIT
"""The C parts: the DSP model's parsers under libFuzzer, with the sanitizers.

Good inputs come from here; ``native_dsp/`` has the targets, each with a comment on how a case is made up.
"""

from __future__ import annotations

import functools
import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.paths import BUILD
from lab.playback import media
from tests.dsp.driver import ROOT, Codec, Op, open_payload, pcm_format
from tests.dsp.driver import SOURCE as DSP
from tests.fuzz.audio import files
from tests.fuzz.images import folder
from tests.fuzz.target import CASES, Target
from tests.support import codec_params

FOLDER = Path(__file__).with_name("native_dsp")
#: Bytes of a case, by target.
_MAX_SIZE = {"dsp-apr": 4096, "dsp-media": 8192, "dsp-registry": 512}
#: A case that takes more seconds, or more MB, is a crash.
_LIMITS = ("-timeout=25", "-rss_limit_mb=2048", "-malloc_limit_mb=1024")
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}

_CODECS = ("mp3", "flac", "pcm", "wma9", "wma10", "alac", "ape", "aac")  # as in media.c

# -- good inputs ---------------------------------------------------------------------------------------------


@functools.cache
def _media() -> list[tuple[str, bytes, bytes]]:
    """Codec, format payload and data of each sample that the DSP knows."""
    found = []
    for data in files():
        path = folder() / "sample"
        path.write_bytes(data)
        file = media.read(path)
        if file.codec == "mp3":
            found.append(("mp3", bytes(4), file.payload))
        elif file.codec in ("flac", "wma", "alac", "aac"):
            found.append((codec_params.dsp_codec(file), codec_params.payload(file), file.payload))
    return [*found, ("pcm", pcm_format(), bytes(range(256)) * 8)]


def _media_cases() -> Sequence[bytes]:
    return [
        bytes([_CODECS.index(codec), 64]) + block + data[: _MAX_SIZE["dsp-media"] - 128]
        for codec, block, data in _media()
    ]


_OPCODES = (  # as in apr.c
    Op.OPEN_WRITE, Op.FORMAT, Op.MAP, Op.RUN, Op.WRITE, Op.EOS, Op.CLOSE, Op.FLUSH, Op.PAUSE,
    Op.REMOVE_INITIAL, Op.REMOVE_TRAILING, Op.UNMAP, 0x10DEC, Op.SESSION_TIME, Op.OPEN_READ,
    0x1290B, 0x1290C, 0x100E5, 0x100E6, 0x100EF, 0x100F3, 0x100F4, 0x100F6, 0x10325, 0x10326, 0x10327,
    0x1292C,
)  # fmt: skip
_ASM, _ADM, _AFE, _CORE = range(4)
_PORT_MAP = 4  # port 0


def _command(opcode: int, payload: bytes = b"", port: int = 0, service: int = _ASM) -> bytes:
    return bytes([0, service, port, _OPCODES.index(opcode), len(payload)]) + payload


def _write(address: int, length: int, port: int = 0) -> bytes:
    return struct.pack("<BBHH", 3, port, address, length)


def _wait(ms: int) -> bytes:
    return struct.pack("<BH", 5, ms)


def _fault(text: str) -> bytes:
    return bytes([6, len(text)]) + text.encode()


def _apr_cases() -> Sequence[bytes]:
    """A playback of each codec, two tracks without a gap, and the commands to the other services."""
    dsp_codecs = {"mp3": Codec.MP3, "flac": Codec.FLAC, "pcm": Codec.PCM, "wma9": Codec.WMA9,
                  "wma10": Codec.WMA10, "alac": Codec.ALAC, "ape": Codec.APE, "aac": Codec.AAC}  # fmt: skip
    cases = []
    for codec, block, data in _media():
        memory = data[:2048]
        opened = _command(Op.OPEN_WRITE, open_payload(dsp_codecs[codec]))
        opened += b"" if codec == "mp3" else _command(Op.FORMAT, block)
        mapped = _command(Op.MAP, struct.pack("<HHIIII", 3, 1, 0, 0, 0, len(memory)), _PORT_MAP)
        run = _command(Op.RUN, bytes(12))
        writes = _write(0, len(memory) // 2) + _write(len(memory) // 2, len(memory) // 2)
        steps = opened + mapped + run + writes + _wait(20) + _command(Op.PAUSE) + _wait(5) + run
        steps += _command(Op.SESSION_TIME) + _command(Op.EOS) + _wait(3000) + _command(Op.CLOSE)
        cases.append(struct.pack("<H", len(memory)) + steps + memory)
    second = _command(Op.OPEN_WRITE, open_payload(Codec.MP3), 1) + _write(0, 1000, 1)
    faults = _fault("write:1 late:50") + _fault("ms:10 clock:stop") + _fault("byte:500 pd-restart")
    trim = _command(Op.REMOVE_INITIAL, struct.pack("<I", 100)) + _command(
        Op.REMOVE_TRAILING, struct.pack("<I", 100)
    )
    steps = cases[0][2:-2048]
    cases.append(cases[0][:2] + steps[:40] + second + trim + faults + steps[40:] + cases[0][-2048:])
    others = _command(0x1290C, b"", service=_CORE) + _command(0x1292C, b"", service=_CORE)
    copp = struct.pack("<HHHHIHHI8B", 0, 1, 0x4000, 0xFFFF, 0x10BE4, 2, 16, 48000, *range(8))
    others += _command(0x10326, copp, service=_ADM)
    others += _command(0x10325, struct.pack("<IIHHHH", 0, 1, 1, 1, 0, 0), service=_ADM)
    i2s = struct.pack("<HHIIIIIHH", 0x4000, 20, 0, 0, 0, 0x1020D, 0, 8, 0) + bytes(16)
    others += _command(0x100EF, i2s, service=_AFE)
    others += _command(0x100E5, struct.pack("<HH", 0x4000, 0), service=_AFE)
    others += _command(0x100E6, struct.pack("<HH", 0x4000, 0), service=_AFE)
    return [*cases, b"\0\0" + others]


def _registry_cases() -> Sequence[bytes]:
    """As pdr_interface.c asks: which domain has the service, tell its state, and an acknowledgement."""

    def message(kind: int, number: int, *tlvs: tuple[int, bytes]) -> bytes:
        body = b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in tlvs)
        return struct.pack("<BHHH", kind, 1, number, len(body)) + body

    domain = b"msm/adsp/audio_pd"
    return [
        b"\0" + message(0, 0x21, (1, b"avs/audio"), (16, bytes(4))),
        b"\1" + message(0, 0x20, (1, b"\1"), (2, domain)),
        b"\3" + message(0, 0x23, (1, domain), (2, b"\1\0")),
        b"\1" + message(0, 0x24, (1, domain)),
    ]


def _no_check(data: bytes) -> None:
    raise NotImplementedError("libFuzzer checks these")


TARGETS = {
    "dsp-apr": Target("dsp-apr", _apr_cases, _no_check, hot=((0, 64), (2, 200)), tokens=(b"\5\xff\xff",)),
    "dsp-media": Target("dsp-media", _media_cases, _no_check, hot=((0, 64), (0, 256))),
    "dsp-registry": Target("dsp-registry", _registry_cases, _no_check),
}

# -- building and running ------------------------------------------------------------------------------------


def missing() -> str | None:
    """What libFuzzer lacks on this machine, and how to get it; None: nothing."""
    if shutil.which("clang") is None:
        return "there is no clang: lab/setup.sh fuzz installs it"
    test = ["clang", "-fsanitize=fuzzer,address", "-xc", "-", "-o", "/dev/null"]
    source = b"int LLVMFuzzerTestOneInput(const char *d, unsigned long s) { return d == 0 && s; }"
    if subprocess.run(test, input=source, capture_output=True, check=False).returncode:
        return "clang has no libFuzzer: lab/setup.sh fuzz installs it"
    return None


def build(compiler: str) -> Path:
    """Make the targets, for libFuzzer with clang, else for replaying; the folder that has them."""
    out = BUILD / "tests" / f"fuzz-{compiler}"
    out.mkdir(parents=True, exist_ok=True)
    fuzzer = compiler == "clang"
    options = {
        "SOURCE": str(DSP),
        "BUILD": str(out),
        "CC": compiler,
        "ENGINE": "-fsanitize=fuzzer" if fuzzer else "replay.c",
        "FLAGS": "-fsanitize=fuzzer-no-link" if fuzzer else "",
    }
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS")}
    made = subprocess.run(
        ["make", "-s", "-C", FOLDER, *(f"{key}={value}" for key, value in options.items())],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    return out


def command(name: str, cases: int, seed: int, crashes: Path) -> list[str | Path]:
    """How libFuzzer is run; a case that crashes is written to *crashes* with more behind its name."""
    corpus = folder() / "corpus" / name
    corpus.mkdir(parents=True)
    for number, sample in enumerate(TARGETS[name].samples()):
        (corpus / f"sample-{number}").write_bytes(sample)
    kept = [CASES / name] if (CASES / name).is_dir() else []
    return [
        build("clang") / name, f"-runs={cases}", f"-seed={seed}", f"-max_len={_MAX_SIZE[name]}", *_LIMITS,
        f"-artifact_prefix={crashes}", corpus, *kept,
    ]  # fmt: skip


def replay(name: str, cases: Sequence[Path]) -> None:
    """Play cases again, without libFuzzer. Raises AssertionError with what the sanitizers say."""
    done = subprocess.run(
        [build("gcc") / name, *cases],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **ENVIRONMENT},
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
