// SPDX-License-Identifier: MIT
#include "decoder.h"

#include <stdarg.h>
#include <stdio.h>

static const struct decoder_operations *const decoders[] = {
	&decoder_mp3, &decoder_flac, &decoder_pcm, &decoder_alac,
#ifdef WITH_AVCODEC
	&decoder_wma9, &decoder_wma10, &decoder_ape,
#endif
#ifdef WITH_FAAD
	&decoder_aac,
#endif
};

static const struct decoder_operations *find(uint32_t codec)
{
	for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++)
		if (decoders[i]->codec == codec)
			return decoders[i];
	return NULL;
}

bool decoder_exists(uint32_t codec)
{
	return find(codec) != NULL;
}

struct decoder *decoder_open(const struct media_format *format)
{
	const struct decoder_operations *operations = find(format->codec);
	struct decoder *decoder = operations ? operations->open(format) : NULL;

	if (decoder)
		decoder->operations = operations;
	return decoder;
}

void decoder_feed(struct decoder *decoder, const void *data, size_t size)
{
	decoder->operations->feed(decoder, data, size);
}

enum decode_result decoder_decode(struct decoder *decoder, bool hungry, struct pcm *pcm)
{
	return decoder->operations->decode(decoder, hungry, pcm);
}

void decoder_finish(struct decoder *decoder)
{
	decoder->operations->finish(decoder);
}

void decoder_reset(struct decoder *decoder)
{
	decoder->operations->reset(decoder);
}

void decoder_close(struct decoder *decoder)
{
	if (decoder)
		decoder->operations->close(decoder);
}

void decoder_error(struct decoder *decoder, const char *format, ...)
{
	va_list args;

	if (decoder->error[0])
		return;
	va_start(args, format);
	vsnprintf(decoder->error, sizeof(decoder->error), format, args);
	va_end(args);
}
