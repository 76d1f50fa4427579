/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_FRAMED_H
#define VIRTUAL_ADSP_FRAMED_H

#include "decoder.h"

/*
 * What the decoders share that have to find the frames in a stream of bytes by themselves: writes to the DSP are cut
 * anywhere.
 */

struct framed;

enum framed_result {
	FRAMED_OK,		/* @used bytes are done with; @pcm may have audio */
	FRAMED_SKIP,		/* @used bytes are no frame */
	FRAMED_MORE,		/* the frame is not whole yet; after the end of the data: that was all */
};

struct framed_codec {
	const char *name;		/* for sentences: "ALAC" */
	size_t size;			/* of the codec's structure, which starts with struct framed */
	bool (*open)(struct framed *framed);	/* false: no memory, or format impossible */
	/*
	 * Looks at framed->in and decodes at most one frame. @pcm comes without frames. What is left when there is no more
	 * to come (framed->finished) and this has returned FRAMED_MORE is reported as a cut frame.
	 */
	enum framed_result (*next)(struct framed *framed, bool hungry, size_t *used, struct pcm *pcm);
	void (*reset)(struct framed *framed);
	void (*close)(struct framed *framed);
};

/* Common head of these decoders' own structures. */
struct framed {
	struct decoder base;
	const struct framed_codec *codec;
	struct media_format format;
	uint8_t *in;			/* bytes that are not decoded yet */
	size_t in_size, in_room;
	uint64_t fed;			/* bytes, since reset */
	uint64_t frames;		/* decoded, since reset */
	bool finished;
	uint8_t *out;			/* see framed_out() */
	size_t out_room;
};

/* For struct decoder_operations. */
struct decoder *framed_open(const struct framed_codec *codec, const struct media_format *format);
void framed_feed(struct decoder *decoder, const void *data, size_t size);
enum decode_result framed_decode(struct decoder *decoder, bool hungry, struct pcm *pcm);
void framed_finish(struct decoder *decoder);
void framed_reset(struct decoder *decoder);
void framed_close(struct decoder *decoder);

#define FRAMED_OPERATIONS \
	.feed = framed_feed, .decode = framed_decode, .finish = framed_finish, .reset = framed_reset, \
	.close = framed_close

/* Room for @size bytes of decoded audio, valid until the next call, or NULL (the error is set). */
uint8_t *framed_out(struct framed *framed, size_t size);

/* Writes a sample of @bits significant bits as struct pcm wants it; returns the place of the next one. */
uint8_t *framed_put(uint8_t *out, int32_t sample, uint32_t bits);

/* Whether all of @data is 0, as what fills up a short fragment is. */
bool framed_zeros(const uint8_t *data, size_t size);

#endif
