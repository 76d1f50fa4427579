// SPDX-License-Identifier: MIT
/*
 * Monkey's Audio by libavcodec, in the packets that libavformat makes: two words before each frame, the number of its
 * samples and how many bytes to skip in the first word of its data. The range coder does not tell where a frame ends,
 * so the next packet's two words must: 62 of their 64 bits are known.
 *
 * In what form the hardware's DSP wants APE is not known.
 */
#include <string.h>

#include "avdecode.h"

#define HEAD_SIZE 8
#define SKIP_MAX 3

struct ape_decoder {
	struct framed framed;
	struct avdecode av;
	uint32_t blocks, final_blocks;	/* samples per channel in a frame, in the last one */
	size_t searched;		/* no head starts in framed->in before this, but that at 0 */
};

static struct ape_decoder *ape_of(struct framed *framed)
{
	return (struct ape_decoder *)framed;
}

static bool ape_open(struct framed *framed)
{
	struct ape_decoder *decoder = ape_of(framed);
	const struct media_format *format = &framed->format;
	const uint32_t header[3] = {
		media_value(format, "compatible_version"), media_value(format, "compression_level"),
		media_value(format, "format_flags"),
	};
	uint8_t extradata[6];
	const struct avdecode_setup setup = {
		.id = AV_CODEC_ID_APE, .bits = format->bits, .extradata = extradata, .extradata_size = sizeof(extradata),
	};

	for (size_t i = 0; i < sizeof(extradata); i++)
		extradata[i] = (uint8_t)(header[i / 2] >> (i % 2 * 8));
	decoder->blocks = media_value(format, "blocks_per_frame");
	decoder->final_blocks = media_value(format, "final_frame_blocks");
	return decoder->blocks && decoder->final_blocks <= decoder->blocks && avdecode_open(&decoder->av, format, &setup);
}

static bool is_head(const struct ape_decoder *decoder, const uint8_t *data)
{
	uint32_t word[2];

	memcpy(word, data, sizeof(word));
	return word[0] && (word[0] == decoder->blocks || word[0] == decoder->final_blocks) && word[1] <= SKIP_MAX;
}

/* Where the next head is, after the first byte; 0: not in what there is. */
static size_t next_head(struct ape_decoder *decoder)
{
	size_t at = decoder->searched ? decoder->searched : 1;

	for (; at + HEAD_SIZE <= decoder->framed.in_size; at++)
		if (is_head(decoder, decoder->framed.in + at))
			return at;
	decoder->searched = at;
	return 0;
}

static enum framed_result ape_next(struct framed *framed, bool hungry, size_t *used, struct pcm *pcm)
{
	struct ape_decoder *decoder = ape_of(framed);
	size_t end;

	(void)hungry;
	if (avdecode_receive(&decoder->av, framed, pcm))
		return FRAMED_OK;
	end = next_head(decoder);
	if (!end && !framed->finished)
		return FRAMED_MORE;
	if (!end && (framed->in_size <= HEAD_SIZE || !is_head(decoder, framed->in)))
		return avdecode_rest(&decoder->av, framed, pcm) ? FRAMED_OK : FRAMED_MORE;
	decoder->searched = 0;
	*used = end ? end : framed->in_size;
	if (!is_head(decoder, framed->in)) {
		decoder_error(&framed->base, "%zu bytes before APE frame %llu are none.", end,
			      (unsigned long long)framed->frames);
		return FRAMED_SKIP;
	}
	avdecode_send(&decoder->av, framed, framed->in, *used);
	return FRAMED_OK;
}

static void ape_reset(struct framed *framed)
{
	avdecode_reset(&ape_of(framed)->av);
	ape_of(framed)->searched = 0;
}

static void ape_close(struct framed *framed)
{
	avdecode_close(&ape_of(framed)->av);
}

static const struct framed_codec ape = {
	.name = "APE", .size = sizeof(struct ape_decoder),
	.open = ape_open, .next = ape_next, .reset = ape_reset, .close = ape_close,
};

static struct decoder *open_ape(const struct media_format *format)
{
	return framed_open(&ape, format);
}

const struct decoder_operations decoder_ape = { .codec = MEDIA_APE, .open = open_ape, FRAMED_OPERATIONS };
