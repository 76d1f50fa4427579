# SPDX-License-Identifier: MIT
"""What is in an audio file: the packets that a player sends to the DSP, and the PCM that they decode to.

libavformat skips tags and the Xing/Info frame, so what reaches the DSP is the packets, not the file.
libavcodec decodes on the host. The model DSP has other decoders (libmpg123, libFLAC, libfaad, its own of
ALAC), but for WMA and APE, where libavcodec's are the only free ones: there a comparison shows what happened
on the way.
"""

import hashlib
import struct
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from lab.errors import UserError

#: Interleaved samples, shape (frames, channels), sign-extended at the stream's own depth.
Samples = NDArray[np.int32]

#: libavcodec's name → the name of the ALSA compress codec and of the DSP's record.
CODECS = {"mp3": "mp3", "mp3float": "mp3", "flac": "flac", "wmav1": "wma", "wmav2": "wma", "wmapro": "wma",
          "wmalossless": "wma", "alac": "alac", "ape": "ape", "aac": "aac", "vorbis": "vorbis"}  # fmt: skip

#: libavcodec's decoder for the codecs whose packets need no more than the codec's header to be decoded. The
#: float MP3 decoder rounds once, at the end.
BARE_DECODERS = {"mp3": "mp3float", "flac": "flac"}

#: The codecs whose PCM can be judged.
JUDGED = ("mp3", "flac", "wma", "alac", "ape", "aac")

#: PCM_MAX_NUM_CHANNEL of the kernel's q6dsp-common.h. PyAV reads wild memory for planar audio of more.
MAX_CHANNELS = 8

MP3_FRAMES_PER_PACKET = {
    3: 1152,
    2: 576,
    0: 576,
}  # by the header's version bits: MPEG-1, 2, 2.5 (ISO 11172-3)


class MediaError(UserError):
    """The file is missing, is no audio, or is damaged."""


@dataclass(frozen=True)
class StreamInfo:
    """FLAC's STREAMINFO block (RFC 9639, section 8.2): what the file says of itself."""

    bits: int
    frames: int  #: per channel; 0 where the encoder did not know
    md5: bytes  #: of the PCM, interleaved little-endian; zeros where the encoder did not compute it

    @classmethod
    def parse(cls, block: bytes) -> "StreamInfo":
        """Parse the 34-byte *block*. Raises MediaError where it is shorter."""
        if len(block) < 34:
            raise MediaError("its FLAC header is damaged")
        fields = int.from_bytes(block[10:18], "big")  # rate:20, channels-1:3, bits-1:5, frames:36
        return cls(((fields >> 36) & 31) + 1, fields & ((1 << 36) - 1), block[18:34])


@dataclass(frozen=True)
class ApeHeader:
    """The header of a Monkey's Audio file from version 3.98 on: APE_DESCRIPTOR and APE_HEADER."""

    version: int
    compression_level: int
    format_flags: int
    blocks_per_frame: int
    final_frame_blocks: int
    total_frames: int
    bits: int

    @classmethod
    def read(cls, path: Path) -> "ApeHeader":
        """Read it from *path*. Raises MediaError where there is none, or an older one."""
        with path.open("rb") as file:
            data = file.read(512)
        version, length = struct.unpack_from("<4xHxxI", data.ljust(76, b"\0"))
        if data[:4] != b"MAC " or version < 3980 or len(data) < length + 24:
            raise MediaError(f"{path}: it has no header of Monkey's Audio 3.98 or later")
        return cls(version, *struct.unpack_from("<HHIIIH", data, length))


@dataclass(frozen=True)
class Media:
    """One audio stream of a file, demuxed."""

    path: Path
    codec: str  #: as ALSA and the DSP name it: mp3, flac, …
    rate: int  #: frames per second
    channels: int
    bits: int  #: of a decoded sample
    packets: Sequence[bytes]  #: as libavformat yields them
    offset: int  #: of the first packet in the file, behind tags and header
    encoder_delay: int  #: frames at the start that a gapless player drops
    header: bytes  #: codec's out-of-band data (FLAC: STREAMINFO)
    variant: str = ""  #: libavcodec's name of the codec, where it makes more differences: wmav2, wmapro, …
    bit_rate: int = 0  #: bits per second as the container tells it; 0: it does not
    encoder_padding: int = 0  #: frames at the end that a gapless player drops

    @cached_property
    def payload(self) -> bytes:
        """Every byte that a player sends."""
        return b"".join(self.packets)

    @cached_property
    def pcm(self) -> Samples:
        """The packets decoded, nothing trimmed: what a DSP renders that knows nothing of gapless playback.

        Raises MediaError where a packet does not decode.
        """
        return _decode(self)

    @property
    def duration_s(self) -> float:
        """Seconds of audio in the packets."""
        return len(self.pcm) / self.rate


def read(path: Path) -> Media:
    """Demux the best audio stream of *path*. Raises MediaError where that cannot be done."""
    if not path.exists():
        raise MediaError(f"{path}: there is no such file")
    if not path.is_file():
        raise MediaError(f"{path}: that is not a file")
    try:
        with _open(path) as container:
            # A cover picture is a video stream; text files can pass for e.g. subtitles or ANSI art.
            stream = container.streams.best("audio")
            if not isinstance(stream, av.AudioStream):
                raise MediaError(f"{path}: there is no audio in it")
            context = stream.codec_context
            if context is None:
                raise MediaError(f"{path}: libavcodec knows no decoder for it")
            if not context.rate or not context.channels:
                raise MediaError(f"{path}: that is not audio, or damaged beyond recognition")
            if context.channels > MAX_CHANNELS:
                raise MediaError(
                    f"{path}: it has {context.channels} channels, {MAX_CHANNELS} at most are taken"
                )
            codec = CODECS.get(context.name, context.name)
            header = context.extradata or b""
            packets = [packet for packet in container.demux(stream) if packet.size]
            edited = "mov" in container.format.name
            edges = [] if edited else [_edges(packet) for packet in packets]
            positions = [(packet.pos, packet.size) for packet in packets]
            if edited:  # the edits say what to drop
                with av.open(str(path), metadata_errors="replace") as again:
                    edges = [_edges(packet) for packet in again.demux(again.streams.best("audio"))]
            media = Media(
                path,
                codec,
                context.rate,
                context.channels,
                _bits(codec, context.name, header, path),
                [bytes(p) for p in packets],
                (packets[0].pos or 0) if packets else 0,
                sum(skip for skip, _ in edges),
                header,
                context.name,
                context.bit_rate or 0,
                sum(discard for _, discard in edges),
            )
    except FFmpegError as error:
        raise MediaError(f"{path}: that is not audio ({error.strerror})") from error
    except OSError as error:
        raise MediaError(f"{path}: it cannot be read ({error.strerror})") from error
    if not media.packets:
        raise MediaError(f"{path}: there is no audio in it")
    if codec == "mp3":
        _check_mp3(media, path.read_bytes(), positions)
    return media


def check(media: Media) -> None:
    """Decode all of *media*, compare with what the file says of itself. Raises MediaError."""
    frames = len(media.pcm)
    if media.codec == "flac":
        info = StreamInfo.parse(media.header)
        if frames < info.frames:
            raise MediaError(_truncated(media, frames, info.frames))
        if (
            any(info.md5)
            and hashlib.md5(_packed(media.pcm, info.bits), usedforsecurity=False).digest() != info.md5
        ):
            raise MediaError(
                f"{media.path}: the file is corrupt (its PCM differs from the MD5 in its header)"
            )


def _open(path: Path) -> InputContainer:
    # An MP4 file's list of edits would hide the packet that the encoder begins with; a player sends it.
    return av.open(
        str(path), options={"ignore_editlist": "1"}, metadata_errors="replace"
    )  # tags: not our matter


def _bits(codec: str, variant: str, header: bytes, path: Path) -> int:
    if codec == "flac":
        return StreamInfo.parse(header).bits
    if codec == "alac" and len(header) >= 36:
        return header[17]  # bitDepth of ALACSpecificConfig, behind the atom's 12 bytes and two fields
    if variant == "wmalossless" and len(header) >= 2:
        return int.from_bytes(header[:2], "little")  # wValidBitsPerSample
    if codec == "ape":
        return ApeHeader.read(path).bits
    return 16


def _edges(packet: av.Packet) -> tuple[int, int]:
    """The frames that libavformat asks to drop at the start and at the end (AV_PKT_DATA_SKIP_SAMPLES)."""
    for data in packet.iter_sidedata():
        if data.data_type == "skip_samples":
            return struct.unpack_from("<II", bytes(data))
    return 0, 0


def _decoder(media: Media, stack: ExitStack) -> av.AudioCodecContext:
    if media.codec in BARE_DECODERS:
        context = av.CodecContext.create(BARE_DECODERS[media.codec], "r")
        if media.header:
            context.extradata = media.header
    else:
        # The others need what only the container knows and PyAV does not show, e.g. the block size.
        stream = stack.enter_context(_open(media.path)).streams.best("audio")
        assert stream is not None
        context = stream.codec_context
        context.thread_type = "NONE"
    assert isinstance(context, av.AudioCodecContext)
    return context


def _decode(media: Media) -> Samples:
    sent = 0
    try:
        blocks = []
        with ExitStack() as stack:
            context = _decoder(media, stack)
            # Bare packets: the side data that asks to trim stays behind.
            for packet in [*map(av.Packet, media.packets), None]:
                sent += 1
                for frame in context.decode(packet):
                    if frame.layout.nb_channels != media.channels:
                        raise MediaError(
                            f"{media.path}: the file is corrupt (its number of channels changes)"
                        )
                    block = frame.to_ndarray()
                    # Packed formats are one row of interleaved samples, planar ones a row per channel.
                    blocks.append(block.T if frame.format.is_planar else block.reshape(-1, media.channels))
        samples = np.concatenate(blocks) if blocks else None
    except FFmpegError as error:
        if sent >= len(media.packets):
            raise MediaError(f"{media.path}: the file is truncated (its last frame is cut short)") from error
        raise MediaError(f"{media.path}: the file is corrupt (frame {sent} does not decode)") from error
    except ValueError as error:  # the number of channels changes on the way
        raise MediaError(f"{media.path}: the file is corrupt ({error})") from error
    if samples is None:
        raise MediaError(f"{media.path}: nothing in it decodes")
    if samples.dtype == np.float32:
        return np.clip(np.rint(np.multiply(samples, 32768.0)), -32768, 32767).astype(np.int32)
    container_bits = samples.dtype.itemsize * 8  # libavcodec left-justifies 24 bits in 32
    if media.bits > container_bits:
        raise MediaError(f"{media.path}: its header is damaged ({media.bits} bits a sample)")
    return samples.astype(np.int32) >> (container_bits - media.bits)


def _packed(samples: Samples, bits: int) -> bytes:
    """Interleaved little-endian samples of whole bytes, as FLAC's MD5 is made of."""
    width = (bits + 7) // 8
    return samples.astype("<i4").view(np.uint8).reshape(*samples.shape, 4)[..., :width].tobytes()


def _check_mp3(media: Media, content: bytes, positions: list[tuple[int | None, int]]) -> None:
    """Frame by frame: each is as long as its header says, they follow one another, and none is missing."""
    for number, packet in enumerate(media.packets):
        length = _mp3_frame_bytes(packet)
        if length != len(packet):
            if number == len(media.packets) - 1 and length and length > len(packet):
                raise MediaError(f"{media.path}: the file is truncated (its last MP3 frame is cut short)")
            raise MediaError(f"{media.path}: the file is corrupt (MP3 frame {number + 1} is damaged)")
    end = None
    for position, size in positions:
        if end is not None and position is not None and position != end:
            raise MediaError(f"{media.path}: the file is corrupt ({position - end} stray bytes at {end})")
        end = position + size if position is not None else None
    if end is not None and content[end:].lstrip(b"\0")[:1] == b"\xff":
        raise MediaError(f"{media.path}: the file is truncated (its last MP3 frame is cut short)")
    announced = _xing_frames(content[: positions[0][0] or 0])
    if announced is not None and len(media.packets) < announced:
        per_packet = MP3_FRAMES_PER_PACKET[(media.packets[0][1] >> 3) & 3]
        raise MediaError(_truncated(media, len(media.packets) * per_packet, announced * per_packet))


def _truncated(media: Media, frames: int, announced: int) -> str:
    return (
        f"{media.path}: the file is truncated "
        f"(its header announces {announced / media.rate:.2f} s, it holds {frames / media.rate:.2f} s)"
    )


def _xing_frames(head: bytes) -> int | None:
    """The number of frames that the Xing or Info frame before the first packet announces, if there is one."""
    for tag in (b"Xing", b"Info"):
        at = head.rfind(tag)
        if at >= 0 and len(head) >= at + 12 and head[at + 7] & 1:
            return int.from_bytes(head[at + 8 : at + 12], "big")
    return None


#: kbit/s by the header's bitrate index, layer III (ISO 11172-3 and 13818-3).
_MP3_RATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _mp3_frame_bytes(frame: bytes) -> int:
    """The length that the header of an MP3 frame announces, 0 where it is no header of layer III."""
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2:
        return 0
    version = (frame[1] >> 3) & 3
    rate_index, sample_index = frame[2] >> 4, (frame[2] >> 2) & 3
    if version == 1 or rate_index in (0, 15) or sample_index == 3:
        return 0
    bitrate = _MP3_RATES[3 if version == 3 else 2][rate_index] * 1000
    per_packet = MP3_FRAMES_PER_PACKET[version]
    return per_packet // 8 * bitrate // _MP3_SAMPLE_RATES[version][sample_index] + ((frame[2] >> 1) & 1)
