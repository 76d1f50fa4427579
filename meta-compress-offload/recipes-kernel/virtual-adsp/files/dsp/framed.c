// SPDX-License-Identifier: MIT
#include "framed.h"

#include <stdlib.h>
#include <string.h>

static struct framed *framed_of(struct decoder *decoder)
{
	return (struct framed *)decoder;
}

struct decoder *framed_open(const struct framed_codec *codec, const struct media_format *format)
{
	struct framed *framed = calloc(1, codec->size);

	if (!framed)
		return NULL;
	framed->codec = codec;
	framed->format = *format;
	if (!codec->open(framed)) {
		framed_close(&framed->base);
		return NULL;
	}
	return &framed->base;
}

void framed_feed(struct decoder *decoder, const void *data, size_t size)
{
	struct framed *framed = framed_of(decoder);

	if (framed->in_room - framed->in_size < size) {
		size_t room = 2 * framed->in_size + size;
		uint8_t *larger = realloc(framed->in, room);

		if (!larger) {
			decoder_error(decoder, "There is no memory for %zu bytes of %s.", room, framed->codec->name);
			return;
		}
		framed->in = larger;
		framed->in_room = room;
	}
	memcpy(framed->in + framed->in_size, data, size);
	framed->in_size += size;
	framed->fed += size;
}

static void check_end(struct framed *framed)
{
	const char *name = framed->codec->name;

	if (!framed->frames && framed->fed)
		decoder_error(&framed->base, "There is no %s frame in all the %llu bytes.", name,
			      (unsigned long long)framed->fed);
	else if (!framed_zeros(framed->in, framed->in_size))
		decoder_error(&framed->base, "The %s stream ends in the middle of a frame (%zu bytes left over).", name,
			      framed->in_size);
	framed->in_size = 0;
}

enum decode_result framed_decode(struct decoder *decoder, bool hungry, struct pcm *pcm)
{
	struct framed *framed = framed_of(decoder);

	for (;;) {
		enum framed_result result;
		size_t used = 0;

		pcm->frames = 0;
		result = framed->codec->next(framed, hungry, &used, pcm);
		if (used) {
			framed->in_size -= used;
			memmove(framed->in, framed->in + used, framed->in_size);
		}
		if (result == FRAMED_OK && used)
			framed->frames++;
		if (pcm->frames)
			return DECODE_PCM;
		if (result != FRAMED_MORE)
			continue;
		if (!framed->finished)
			return DECODE_NEED_DATA;
		check_end(framed);
		return DECODE_END;
	}
}

void framed_finish(struct decoder *decoder)
{
	framed_of(decoder)->finished = true;
}

void framed_reset(struct decoder *decoder)
{
	struct framed *framed = framed_of(decoder);

	framed->in_size = 0;
	framed->fed = framed->frames = 0;
	framed->finished = false;
	framed->codec->reset(framed);
}

void framed_close(struct decoder *decoder)
{
	struct framed *framed = framed_of(decoder);

	framed->codec->close(framed);
	free(framed->in);
	free(framed->out);
	free(framed);
}

uint8_t *framed_out(struct framed *framed, size_t size)
{
	if (framed->out_room < size) {
		uint8_t *larger = realloc(framed->out, size);

		if (!larger) {
			decoder_error(&framed->base, "There is no memory for %zu bytes of decoded audio.", size);
			return NULL;
		}
		framed->out = larger;
		framed->out_room = size;
	}
	return framed->out;
}

uint8_t *framed_put(uint8_t *out, int32_t sample, uint32_t bits)
{
	uint32_t width = (bits + 7) / 8, value = (uint32_t)sample << (8 * width - bits);

	if (width == 1)
		value ^= 0x80;
	memcpy(out, &value, width);
	return out + width;
}

bool framed_zeros(const uint8_t *data, size_t size)
{
	while (size && !data[size - 1])
		size--;
	return !size;
}
