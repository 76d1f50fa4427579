// SPDX-License-Identifier: MIT
/* PCM: nothing to decode, only samples of 24 bits to pack. */
#include <stdlib.h>
#include <string.h>

#include "decoder.h"

struct pcm_decoder {
	struct decoder base;
	struct media_format format;
	size_t frame_in;		/* bytes of a frame as it comes */
	bool finished;
	size_t held;			/* bytes in @in; a frame may be cut by the end of a write */
	uint8_t in[DECODER_CHUNK + 4 * MEDIA_CHANNELS_MAX];
	uint8_t out[DECODER_CHUNK + 4 * MEDIA_CHANNELS_MAX];
};

static struct pcm_decoder *pcm_of(struct decoder *decoder)
{
	return (struct pcm_decoder *)decoder;
}

static struct decoder *pcm_open(const struct media_format *format)
{
	struct pcm_decoder *decoder;

	/* q6asm_dai_hw_params() sends no other depth */
	if (format->bits != 16 && format->bits != 24)
		return NULL;
	decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return NULL;
	decoder->format = *format;
	/* 24 bits come as SNDRV_PCM_FORMAT_S24_LE: in the low three bytes of a word */
	decoder->frame_in = format->channels * (format->bits == 16 ? 2 : 4);
	return &decoder->base;
}

static void pcm_feed(struct decoder *base, const void *data, size_t size)
{
	struct pcm_decoder *decoder = pcm_of(base);

	if (size > sizeof(decoder->in) - decoder->held)
		size = sizeof(decoder->in) - decoder->held;
	memcpy(decoder->in + decoder->held, data, size);
	decoder->held += size;
}

static enum decode_result pcm_decode(struct decoder *base, bool hungry, struct pcm *pcm)
{
	struct pcm_decoder *decoder = pcm_of(base);
	size_t frames = decoder->held / decoder->frame_in;
	size_t used = frames * decoder->frame_in;

	(void)hungry;
	if (!frames) {
		if (decoder->finished && decoder->held)
			decoder_error(base, "The PCM stream ends in the middle of a frame (%zu bytes left over).",
				      decoder->held);
		return decoder->finished ? DECODE_END : DECODE_NEED_DATA;
	}
	if (decoder->format.bits == 16) {
		memcpy(decoder->out, decoder->in, used);
	} else {
		for (size_t i = 0; i < used / 4; i++)
			memcpy(decoder->out + 3 * i, decoder->in + 4 * i, 3);
	}
	*pcm = (struct pcm){
		.data = decoder->out, .frames = frames, .rate = decoder->format.rate,
		.channels = decoder->format.channels, .bits = decoder->format.bits,
	};
	decoder->held -= used;
	memmove(decoder->in, decoder->in + used, decoder->held);
	return DECODE_PCM;
}

static void pcm_finish(struct decoder *base)
{
	pcm_of(base)->finished = true;
}

static void pcm_reset(struct decoder *base)
{
	pcm_of(base)->finished = false;
	pcm_of(base)->held = 0;
}

static void pcm_close(struct decoder *base)
{
	free(base);
}

const struct decoder_operations decoder_pcm = {
	.codec = MEDIA_PCM, .open = pcm_open, .feed = pcm_feed, .decode = pcm_decode,
	.finish = pcm_finish, .reset = pcm_reset, .close = pcm_close,
};
