// SPDX-License-Identifier: MIT
/*
 * Audio of the worst kind for each of the DSP model's decoders. A case is
 *   u8 codec, u8 size of the pieces that it comes in (in 16 bytes), payload of the format command (u32 size, block), data
 */
#include <string.h>

#include "decoder.h"
#include "media.h"
#include "world.h"

/* A hostile file may expand to hours of silence; so much tells enough. */
#define FRAMES_MAX (1 << 20)
/* Decoding without result nor new data, over and over. */
#define IDLE_MAX 1000

static const uint32_t codecs[] = {
	MEDIA_MP3, MEDIA_FLAC, MEDIA_PCM, MEDIA_WMA_V9, MEDIA_WMA_V10, MEDIA_ALAC, MEDIA_APE, MEDIA_AAC,
};

static void check(const struct pcm *pcm)
{
	world_check(pcm->rate > 0 && pcm->channels > 0 && pcm->channels <= MEDIA_CHANNELS_MAX, "impossible audio");
	world_check(pcm->bits > 0 && pcm->bits <= 32, "impossible samples");
	world_read(pcm->data, pcm->frames * pcm->channels * ((pcm->bits + 7) / 8));
}

static void play(struct decoder *decoder, const uint8_t *data, size_t size, size_t piece)
{
	size_t frames = 0;
	unsigned int idle = 0;
	bool finished = false;

	while (frames < FRAMES_MAX) {
		struct pcm pcm = { 0 };
		enum decode_result result = decoder_decode(decoder, idle & 1, &pcm);

		world_check(++idle < IDLE_MAX, "a decoder neither decodes nor wants data");
		if (result == DECODE_END)
			return;
		if (result == DECODE_PCM) {
			check(&pcm);
			frames += pcm.frames;
			if (pcm.frames)
				idle = 0;
		} else if (size) {
			size_t part = size < piece ? size : piece;

			decoder_feed(decoder, data, part);
			data += part;
			size -= part;
			idle = 0;
		} else if (!finished) {
			decoder_finish(decoder);
			finished = true;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct media_format format = { 0 };
	struct decoder *decoder;
	uint32_t codec, block;
	size_t piece;

	if (size < 6)
		return 0;
	codec = codecs[data[0] % (sizeof(codecs) / sizeof(codecs[0]))];
	piece = 1 + (size_t)data[1] * 16;
	if (piece > DECODER_CHUNK)
		piece = DECODER_CHUNK;
	data += 2;
	size -= 2;
	memcpy(&block, data, sizeof(block));
	if (media_needs_block(codec)) {
		if (media_parse(codec, data, size, &format) != ADSP_EOK)
			return 0;
		data += sizeof(block) + block;
		size -= sizeof(block) + block;
	} else {
		format.codec = codec;
	}
	decoder = decoder_open(&format);
	if (!decoder)
		return 0;
	play(decoder, data, size, piece);
	decoder_reset(decoder);
	play(decoder, data, size / 2, DECODER_CHUNK);
	decoder_close(decoder);
	return 0;
}
