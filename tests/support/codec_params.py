# SPDX-License-Identifier: MIT
"""What the kernel's interface and the DSP must be told of a file's codec.

`parameters()` is what a player puts into struct snd_codec (include/uapi/sound/compress_params.h), `block()`
what the driver must make of it: the format block of the ASM service (Linux sound/soc/qcom/qdsp6/q6asm.c, for
AAC Qualcomm's msm-4.9 kernel, include/sound/apr_audio-v2.h), by its names in stream.json. Each is derived
from the file alone, not from the other.
"""

import struct

from lab.playback.media import ApeHeader, Media, StreamInfo

#: SND_AUDIOPROFILE_WMA9, _WMA9_PRO and _WMA9_LOSSLESS; and WAVEFORMATEX's wFormatTag.
WMA = {"wmav2": (1 << 2, 0x161), "wmapro": (1 << 4, 0x162), "wmalossless": (1 << 5, 0x163)}

#: SND_AUDIOSTREAMFORMAT_MP4ADTS and _RAW; and the ASM service's numbers for them.
AAC = {"adts": (1 << 1, 0), "raw": (1 << 6, 3)}

#: SNDRV_PCM_FORMAT_S16_LE, _S24_LE, _S32_LE by bits; 20 bits come in 24.
PCM_FORMATS = {16: 2, 20: 6, 24: 6, 32: 10}

#: channelLayoutTag of ALAC as q6asm-dai fills it in.
ALAC_LAYOUTS = {1: 100 << 16 | 1, 2: 101 << 16 | 2}

#: The blocks by the DSP's name of the codec: struct's format, and the fields in their order.
LAYOUTS = {
    "wma9": (
        "<HHIIHHIHxx",
        "format_tag channels rate bytes_per_second block_align bits channel_mask encoder_options",
    ),
    "wma10": (
        "<HHIIHHIHHI",
        "format_tag channels rate bytes_per_second block_align bits channel_mask encoder_options"
        " advanced_encoder_options advanced_encoder_options2",
    ),
    "alac": (
        "<IBBBBBBHIIII",
        "frame_length compatible_version bits pb mb kb channels max_run max_frame_bytes average_bit_rate"
        " rate channel_layout_tag",
    ),
    "ape": (
        "<HHIIIIHHII",
        "compatible_version compression_level format_flags blocks_per_frame final_frame_blocks"
        " total_frames bits channels rate seek_table_present",
    ),
    "aac": ("<HHHHI", "format_flag object_type channels pce_bits rate"),
    "flac": (
        "<HHHH16xIIIHxx",
        "stream_info_present channels min_block_size max_block_size rate min_frame_size max_frame_size bits",
    ),
}


def dsp_codec(media: Media) -> str:
    """The DSP's name for the codec."""
    if media.codec == "wma":
        return "wma9" if media.variant == "wmav2" else "wma10"
    return media.codec


def parameters(media: Media) -> dict[str, int]:
    """The fields of struct snd_codec beside id, rate and channels, by compress-client's names."""
    if media.codec == "wma":
        profile, _ = WMA[media.variant]
        return {
            "profile": profile, "bit_rate": media.bit_rate, "align": len(media.packets[0]),
            "pcm_format": PCM_FORMATS[_wma_bits(media)],
            "wma.encoder_option": _wma_options(media), "wma.adv_encoder_option": _wma_advanced(media),
        }  # fmt: skip
    if media.codec == "alac":
        cookie = _alac(media)
        names = ("frame_length", "compatible_version", "pb", "mb", "kb", "max_run", "max_frame_bytes")
        return {f"alac.{name}": cookie[name] for name in names} | {
            "bit_rate": cookie["average_bit_rate"], "pcm_format": PCM_FORMATS[cookie["bits"]],
        }  # fmt: skip
    if media.codec == "ape":
        header = ApeHeader.read(media.path)
        return {
            "ape.compatible_version": header.version, "ape.compression_level": header.compression_level,
            "ape.format_flags": header.format_flags, "ape.blocks_per_frame": header.blocks_per_frame,
            "ape.final_frame_blocks": header.final_frame_blocks, "ape.total_frames": header.total_frames,
            "pcm_format": PCM_FORMATS[header.bits],
        }  # fmt: skip
    if media.codec == "aac":
        return {"format": AAC[_aac_form(media)][0]}
    if media.codec == "flac":
        info = StreamInfo.parse(media.header)
        names = ("min_blk_size", "max_blk_size", "min_frame_size", "max_frame_size")
        return {"flac.sample_size": info.bits} | {
            f"flac.{name}": value for name, value in zip(names, _flac_sizes(media), strict=True)
        }
    return {}


def block(media: Media) -> dict[str, int]:
    """The media format block that must reach the DSP; empty for MP3, which has none."""
    common = {"rate": media.rate, "channels": media.channels}
    if media.codec == "wma":
        _, tag = WMA[media.variant]
        result = common | {
            "format_tag": tag, "bytes_per_second": media.bit_rate // 8, "block_align": len(media.packets[0]),
            "bits": _wma_bits(media), "channel_mask": {1: 4, 2: 3}[media.channels],
            "encoder_options": _wma_options(media),
        }  # fmt: skip
        if media.variant != "wmav2":
            result |= {"advanced_encoder_options": _wma_advanced(media), "advanced_encoder_options2": 0}
        return result
    if media.codec == "alac":
        return _alac(media) | {"channel_layout_tag": ALAC_LAYOUTS.get(media.channels, 0)}
    if media.codec == "ape":
        header = ApeHeader.read(media.path)
        return common | {
            "compatible_version": header.version, "compression_level": header.compression_level,
            "format_flags": header.format_flags, "blocks_per_frame": header.blocks_per_frame,
            "final_frame_blocks": header.final_frame_blocks, "total_frames": header.total_frames,
            "bits": header.bits, "seek_table_present": 0,
        }  # fmt: skip
    if media.codec == "aac":
        return common | {"format_flag": AAC[_aac_form(media)][1], "object_type": 2, "pce_bits": 0}
    if media.codec == "flac":
        names = ("min_block_size", "max_block_size", "min_frame_size", "max_frame_size")
        sizes = dict(zip(names, _flac_sizes(media), strict=True))
        return common | sizes | {"stream_info_present": 1, "bits": StreamInfo.parse(media.header).bits}
    return {}


def payload(media: Media) -> bytes:
    """`block()` as the driver sends it: ASM_DATA_CMD_MEDIA_FMT_UPDATE_V2's length word and fields."""
    if media.codec == "mp3":
        return b""
    layout, names = LAYOUTS[dsp_codec(media)]
    values = block(media)
    data = struct.pack(layout, *(values[name] for name in names.split()))
    return struct.pack("<I", len(data)) + data


def _wma_bits(media: Media) -> int:
    # wValidBitsPerSample heads the extra data of pro and lossless; the standard codec has no depth but PCM's
    return 16 if media.variant == "wmav2" else int.from_bytes(media.header[:2], "little")


def _wma_options(media: Media) -> int:
    """wEncodeOptions: where it is differs."""
    at = 4 if media.variant == "wmav2" else 14
    return int.from_bytes(media.header[at : at + 2], "little")


def _wma_advanced(media: Media) -> int:
    return 0 if media.variant == "wmav2" else int.from_bytes(media.header[16:18], "little")


def _alac(media: Media) -> dict[str, int]:
    """ALACSpecificConfig, behind the 12 bytes of its atom."""
    names = (
        "frame_length compatible_version bits pb mb kb channels max_run max_frame_bytes average_bit_rate rate"
    )
    return dict(zip(names.split(), struct.unpack_from(">IBBBBBBHIII", media.header, 12), strict=True))


def _aac_form(media: Media) -> str:
    return "raw" if media.header else "adts"


def _flac_sizes(media: Media) -> tuple[int, int, int, int]:
    """Block and frame sizes of STREAMINFO; the kernel's interface has 16 bits for each, 0 says unknown."""
    shortest, longest = struct.unpack_from(">HH", media.header)
    sizes = [int.from_bytes(media.header[at : at + 3], "big") for at in (4, 7)]
    small, large = (size if size <= 0xFFFF else 0 for size in sizes)
    return shortest, longest, small, large
