// SPDX-License-Identifier: MIT
/*
 * MP3 (and MPEG audio layers 1 and 2), by libmpg123.
 *
 * Every frame is decoded and nothing is trimmed: a Xing or LAME "Info" frame counts as a frame of silence, since a DSP
 * that gets bare frames knows no gapless information but that of ASM_DATA_CMD_REMOVE_*_SILENCE. Whether the real one
 * does the same is not known.
 */
#include <stdlib.h>
#include <string.h>

#include <mpg123.h>

#include "decoder.h"

/* libmpg123 may fail on a frame; after so many failures in a row what it holds is thrown away */
#define FAILURES_MAX 16
/* the end of the data, kept to tell a tag from a broken frame */
#define TAIL_SIZE (2 * DECODER_CHUNK)

struct mp3_decoder {
	struct decoder base;
	mpg123_handle *handle;
	bool finished;
	bool known;			/* the format of the stream has been seen */
	long rate;
	int channels;
	unsigned int failures;
	uint64_t frames;
	uint64_t origin;		/* byte offset in the stream of libmpg123's offset 0 */
	uint64_t fed;			/* bytes, since reset */
	uint64_t end;			/* offset of the byte after the last frame */
	uint8_t tail[TAIL_SIZE];	/* the last bytes fed */
	size_t tail_size;
};

static struct mp3_decoder *mp3_of(struct decoder *decoder)
{
	return (struct mp3_decoder *)decoder;
}

/* Allows all rates; @channels: MPG123_MONO, MPG123_STEREO or both. */
static void allow_formats(mpg123_handle *handle, int channels)
{
	const long *rates;
	size_t count;

	mpg123_rates(&rates, &count);
	mpg123_format_none(handle);
	for (size_t i = 0; i < count; i++)
		mpg123_format(handle, rates[i], channels, MPG123_ENC_SIGNED_16);
}

static bool start(struct mp3_decoder *decoder)
{
	decoder->known = false;
	decoder->failures = 0;
	allow_formats(decoder->handle, MPG123_MONO | MPG123_STEREO);
	return mpg123_open_feed(decoder->handle) == MPG123_OK;
}

static struct decoder *mp3_open(const struct media_format *format)
{
	struct mp3_decoder *decoder = calloc(1, sizeof(*decoder));

	(void)format;
	if (!decoder)
		return NULL;
	decoder->handle = mpg123_new(NULL, NULL);
	if (!decoder->handle) {
		free(decoder);
		return NULL;
	}
	mpg123_param(decoder->handle, MPG123_REMOVE_FLAGS, MPG123_GAPLESS, 0);
	mpg123_param(decoder->handle, MPG123_ADD_FLAGS,
		     MPG123_QUIET | MPG123_IGNORE_INFOFRAME | MPG123_SKIP_ID3V2, 0);
	mpg123_param(decoder->handle, MPG123_RESYNC_LIMIT, -1, 0);
	mpg123_param(decoder->handle, MPG123_INDEX_SIZE, 0, 0);
	if (!start(decoder)) {
		mpg123_delete(decoder->handle);
		free(decoder);
		return NULL;
	}
	return &decoder->base;
}

static void mp3_feed(struct decoder *base, const void *data, size_t size)
{
	struct mp3_decoder *decoder = mp3_of(base);

	if (decoder->tail_size + size > TAIL_SIZE) {
		size_t keep = TAIL_SIZE - size;

		memmove(decoder->tail, decoder->tail + decoder->tail_size - keep, keep);
		decoder->tail_size = keep;
	}
	memcpy(decoder->tail + decoder->tail_size, data, size);
	decoder->tail_size += size;
	decoder->fed += size;
	if (mpg123_feed(decoder->handle, data, size) != MPG123_OK)
		decoder_error(base, "libmpg123 takes no data: %s.", mpg123_strerror(decoder->handle));
}

static void check_position(struct mp3_decoder *decoder)
{
	uint64_t at = decoder->origin + (uint64_t)mpg123_framepos(decoder->handle);
	struct mpg123_frameinfo info;

	if (decoder->frames && at > decoder->end)
		decoder_error(&decoder->base, "%llu bytes from byte %llu on are no MP3 frames.",
			      (unsigned long long)(at - decoder->end), (unsigned long long)decoder->end);
	if (mpg123_info(decoder->handle, &info) == MPG123_OK)
		at += (uint64_t)info.framesize;
	if (at > decoder->end)
		decoder->end = at;
	decoder->frames++;
	decoder->failures = 0;
}

static void check_end(struct mp3_decoder *decoder)
{
	static const char *const tags[] = { "TAG", "APETAGEX", "LYRICSBEGIN" };
	uint64_t left = decoder->fed > decoder->end ? decoder->fed - decoder->end : 0;
	const uint8_t *rest;
	size_t known, zeros = 0;

	if (!left)
		return;
	if (!decoder->frames) {
		decoder_error(&decoder->base, "There is no MP3 frame in all the %llu bytes.",
			      (unsigned long long)decoder->fed);
		return;
	}
	known = left < decoder->tail_size ? (size_t)left : decoder->tail_size;
	rest = decoder->tail + decoder->tail_size - known;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (known >= strlen(tags[i]) && !memcmp(rest, tags[i], strlen(tags[i])))
			return;
	while (zeros < known && !rest[zeros])
		zeros++;
	/* the driver sends whole fragments: a short last one is filled up */
	if (zeros == known)
		return;
	decoder_error(&decoder->base, "The MP3 stream ends in the middle of a frame (%llu bytes left over).",
		      (unsigned long long)left);
}

static void new_format(struct mp3_decoder *decoder)
{
	int channels, encoding;
	long rate;

	if (mpg123_getformat(decoder->handle, &rate, &channels, &encoding) != MPG123_OK)
		return;
	if (!decoder->known) {
		/* A later change of channels is converted, so that the rendered file keeps its format. */
		allow_formats(decoder->handle, channels == 1 ? MPG123_MONO : MPG123_STEREO);
		decoder->known = true;
	}
	decoder->rate = rate;
	decoder->channels = channels;
}

/* libmpg123 is stuck: throw away what it holds. */
static void restart(struct mp3_decoder *decoder)
{
	mpg123_close(decoder->handle);
	decoder->origin = decoder->fed;
	start(decoder);
}

static enum decode_result mp3_decode(struct decoder *base, bool hungry, struct pcm *pcm)
{
	struct mp3_decoder *decoder = mp3_of(base);

	(void)hungry;
	for (;;) {
		unsigned char *audio = NULL;
		size_t bytes = 0;
		off_t number;
		int result = mpg123_decode_frame(decoder->handle, &number, &audio, &bytes);

		switch (result) {
		case MPG123_NEW_FORMAT:
			new_format(decoder);
			break;
		case MPG123_OK:
			check_position(decoder);
			if (!bytes || !audio || !decoder->channels)
				break;
			*pcm = (struct pcm){
				.data = audio, .frames = bytes / 2 / (size_t)decoder->channels,
				.rate = (uint32_t)decoder->rate, .channels = (uint32_t)decoder->channels, .bits = 16,
			};
			return DECODE_PCM;
		case MPG123_NEED_MORE:
		case MPG123_DONE:
			if (!decoder->finished)
				return DECODE_NEED_DATA;
			check_end(decoder);
			return DECODE_END;
		default:
			decoder_error(base, "MP3 frame %llu cannot be decoded: %s.",
				      (unsigned long long)decoder->frames, mpg123_strerror(decoder->handle));
			if (++decoder->failures >= FAILURES_MAX)
				restart(decoder);
		}
	}
}

static void mp3_finish(struct decoder *base)
{
	mp3_of(base)->finished = true;
}

static void mp3_reset(struct decoder *base)
{
	struct mp3_decoder *decoder = mp3_of(base);

	decoder->finished = false;
	decoder->frames = decoder->origin = decoder->fed = decoder->end = 0;
	decoder->tail_size = 0;
	mpg123_close(decoder->handle);
	if (!start(decoder))
		decoder_error(base, "libmpg123 cannot start again: %s.", mpg123_strerror(decoder->handle));
}

static void mp3_close(struct decoder *base)
{
	mpg123_delete(mp3_of(base)->handle);
	free(base);
}

const struct decoder_operations decoder_mp3 = {
	.codec = MEDIA_MP3, .open = mp3_open, .feed = mp3_feed, .decode = mp3_decode,
	.finish = mp3_finish, .reset = mp3_reset, .close = mp3_close,
};
