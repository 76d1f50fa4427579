/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_DECODER_H
#define VIRTUAL_ADSP_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media.h"

/* The most that decoder_feed() takes at once, bytes. */
#define DECODER_CHUNK 4096

/* Decoded audio; valid until the next call to its decoder. */
struct pcm {
	const void *data;	/* interleaved, as a WAV file has it: see below */
	size_t frames;		/* samples per channel */
	uint32_t rate;		/* Hz */
	uint32_t channels;
	uint32_t bits;		/* significant bits of a sample */
};
/*
 * A sample has (bits + 7) / 8 bytes, little-endian, its significant bits at the high end; signed, but for 8 bits and
 * less, which are offset by 0x80.
 */

enum decode_result {
	DECODE_PCM,		/* there is audio */
	DECODE_NEED_DATA,	/* all that was fed is used up, as far as that can be told */
	DECODE_END,		/* after decoder_finish(): nothing more */
};

struct decoder;

struct decoder_operations {
	uint32_t codec;		/* MEDIA_* */
	struct decoder *(*open)(const struct media_format *format);	/* NULL: no memory, or format impossible */
	void (*feed)(struct decoder *decoder, const void *data, size_t size);
	enum decode_result (*decode)(struct decoder *decoder, bool hungry, struct pcm *pcm);
	void (*finish)(struct decoder *decoder);
	void (*reset)(struct decoder *decoder);
	void (*close)(struct decoder *decoder);
};

/* Common head of every decoder's own structure. */
struct decoder {
	const struct decoder_operations *operations;
	char error[160];	/* the first thing found wrong in the data, as a sentence; empty: nothing */
};

extern const struct decoder_operations decoder_mp3, decoder_flac, decoder_pcm, decoder_alac;
extern const struct decoder_operations decoder_wma9, decoder_wma10, decoder_ape;	/* with libavcodec */
extern const struct decoder_operations decoder_aac;	/* with libfaad */

/* Whether there is a decoder for the codec. */
bool decoder_exists(uint32_t codec);

/* A decoder for format->codec, or NULL. */
struct decoder *decoder_open(const struct media_format *format);

/* Gives at most DECODER_CHUNK bytes; only after decoder_decode() has returned DECODE_NEED_DATA (or at the start). */
void decoder_feed(struct decoder *decoder, const void *data, size_t size);

/*
 * Decodes a frame. Bad data never ends a stream: the decoder skips it, sets its error, and goes on.
 * @hungry: no more data waits, so rather try with what there is than ask for more.
 */
enum decode_result decoder_decode(struct decoder *decoder, bool hungry, struct pcm *pcm);

/* No more data will come: decoder_decode() gives the rest, then DECODE_END, until decoder_reset(). */
void decoder_finish(struct decoder *decoder);

/* Forgets all data and starts anew, with the same format; the error stays. */
void decoder_reset(struct decoder *decoder);

void decoder_close(struct decoder *decoder);

/* For decoders: keeps the first error. */
void decoder_error(struct decoder *decoder, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
