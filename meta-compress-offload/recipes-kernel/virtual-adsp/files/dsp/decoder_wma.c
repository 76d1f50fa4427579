// SPDX-License-Identifier: MIT
/*
 * Windows Media Audio by libavcodec: standard (9), professional (9) and lossless (9). ASF's packets of audio follow one
 * another, each of block_align bytes. Version 10 has tools that libavcodec does not know.
 */
#include <string.h>

#include "avdecode.h"

/* WAVEFORMATEX's wFormatTag, as __q6asm_dai_compr_set_codec_params() sets it */
#define TAG_STANDARD	0x0161
#define TAG_PRO		0x0162
#define TAG_LOSSLESS	0x0163

#define BLOCK_ALIGN_MAX	65535	/* WAVEFORMATEX's nBlockAlign has 16 bits */

struct wma_decoder {
	struct framed framed;
	struct avdecode av;
	uint32_t block_align;
};

static struct wma_decoder *wma_of(struct framed *framed)
{
	return (struct wma_decoder *)framed;
}

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)value;
	to[1] = (uint8_t)(value >> 8);
}

static bool wma_open(struct framed *framed)
{
	struct wma_decoder *decoder = wma_of(framed);
	const struct media_format *format = &framed->format;
	uint32_t options = media_value(format, "encoder_options"), mask = media_value(format, "channel_mask");
	uint8_t extradata[18] = { 0 };
	struct avdecode_setup setup = {
		.block_align = media_value(format, "block_align"),
		.bit_rate = 8 * media_value(format, "bytes_per_second"), .bits = format->bits,
		.extradata = extradata, .extradata_size = sizeof(extradata),
	};

	decoder->block_align = setup.block_align;
	if (!setup.block_align || setup.block_align > BLOCK_ALIGN_MAX)
		return false;
	switch (media_value(format, "format_tag")) {
	case TAG_STANDARD:
		/* dwSamplesPerBlock, wEncodeOptions, dwSuperBlockAlign */
		setup.id = AV_CODEC_ID_WMAV2;
		setup.extradata_size = 10;
		put16(extradata + 4, options);
		break;
	case TAG_PRO:
	case TAG_LOSSLESS:
		/* wValidBitsPerSample, dwChannelMask, two reserved words of 32 bits, wEncodeOptions, one of 16 */
		setup.id = media_value(format, "format_tag") == TAG_PRO ? AV_CODEC_ID_WMAPRO : AV_CODEC_ID_WMALOSSLESS;
		put16(extradata, format->bits);
		put16(extradata + 2, mask);
		put16(extradata + 4, mask >> 16);
		put16(extradata + 14, options);
		put16(extradata + 16, media_value(format, "advanced_encoder_options"));
		break;
	default:
		return false;
	}
	return avdecode_open(&decoder->av, format, &setup);
}

static enum framed_result wma_next(struct framed *framed, bool hungry, size_t *used, struct pcm *pcm)
{
	struct wma_decoder *decoder = wma_of(framed);

	(void)hungry;
	if (avdecode_receive(&decoder->av, framed, pcm))
		return FRAMED_OK;
	if (framed->in_size < decoder->block_align)
		return framed->finished && avdecode_rest(&decoder->av, framed, pcm) ? FRAMED_OK : FRAMED_MORE;
	*used = decoder->block_align;
	/* no packet is empty: the driver fills up a short fragment */
	if (framed_zeros(framed->in, decoder->block_align))
		return FRAMED_SKIP;
	avdecode_send(&decoder->av, framed, framed->in, decoder->block_align);
	return FRAMED_OK;
}

static void wma_reset(struct framed *framed)
{
	avdecode_reset(&wma_of(framed)->av);
}

static void wma_close(struct framed *framed)
{
	avdecode_close(&wma_of(framed)->av);
}

static const struct framed_codec wma = {
	.name = "WMA", .size = sizeof(struct wma_decoder),
	.open = wma_open, .next = wma_next, .reset = wma_reset, .close = wma_close,
};

static struct decoder *open_wma(const struct media_format *format)
{
	return framed_open(&wma, format);
}

const struct decoder_operations decoder_wma9 = { .codec = MEDIA_WMA_V9, .open = open_wma, FRAMED_OPERATIONS };
const struct decoder_operations decoder_wma10 = { .codec = MEDIA_WMA_V10, .open = open_wma, FRAMED_OPERATIONS };
