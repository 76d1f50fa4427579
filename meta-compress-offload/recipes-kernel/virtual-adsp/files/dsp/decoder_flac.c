// SPDX-License-Identifier: MIT
/*
 * FLAC, by libFLAC.
 *
 * libFLAC pulls its input and cannot stop in mid-frame. So frames are decoded when enough bytes for the largest one are
 * held; if it still runs out, the frame is given up and tried again from its start when there is more.
 *
 * The stream may begin with a FLAC file header ("fLaC" and metadata) or with the first frame: in that case the header is
 * made from the media format block. Metadata other than STREAMINFO is skipped here.
 */
#include <stdlib.h>
#include <string.h>

#include <FLAC/stream_decoder.h>

#include "decoder.h"

#define STREAMINFO_SIZE 34
#define HEADER_SIZE (4 + 4 + STREAMINFO_SIZE)
/* when nothing is known about the stream: more than a frame of 4608 samples, stereo, 24 bits, if it compresses at all */
#define FRAME_GUESS (24 * 1024)
#define FRAME_LIMIT (1024 * 1024)

enum flac_state {
	FLAC_START,		/* before the magic or the first frame */
	FLAC_METADATA,		/* before the header of a metadata block */
	FLAC_FRAMES,
	FLAC_ENDED,
};

struct flac_decoder {
	struct decoder base;
	struct media_format format;
	FLAC__StreamDecoder *handle;
	enum flac_state state;
	uint8_t streaminfo[STREAMINFO_SIZE];
	uint64_t skip;			/* bytes of a tag or metadata block still to be dropped */
	bool last_block;		/* the current metadata block is the last one */
	bool finished;

	uint8_t *in;			/* bytes that are not yet decoded */
	size_t in_size, in_room;
	uint64_t in_offset;		/* libFLAC's stream offset of in[0] */
	size_t given;			/* bytes of @in that libFLAC has got */
	uint64_t fed, starved_at;	/* bytes fed so far, and at the last try in vain */
	size_t frame_max;		/* bytes of the largest frame to be expected */
	uint64_t total, decoded;	/* samples: as STREAMINFO says (0: not known), and so far */

	const char *trouble;		/* what libFLAC complained of since the last good frame */
	bool got_frame;
	struct pcm pcm;
	uint8_t *out;
	size_t out_room;
};

static struct flac_decoder *flac_of(struct decoder *decoder)
{
	return (struct flac_decoder *)decoder;
}

/* Makes room for @more bytes at the end of a buffer that grows. */
static bool grow(uint8_t **buffer, size_t *room, size_t used, size_t more)
{
	uint8_t *larger;

	if (*room - used >= more)
		return true;
	larger = realloc(*buffer, used + more);
	if (!larger)
		return false;
	*buffer = larger;
	*room = used + more;
	return true;
}

static void drop(struct flac_decoder *decoder, size_t count)
{
	memmove(decoder->in, decoder->in + count, decoder->in_size - count);
	decoder->in_size -= count;
	decoder->in_offset += count;
	decoder->given = decoder->given > count ? decoder->given - count : 0;
}

static FLAC__StreamDecoderReadStatus on_read(const FLAC__StreamDecoder *handle, FLAC__byte buffer[], size_t *bytes,
					     void *client)
{
	struct flac_decoder *decoder = client;
	size_t left = decoder->in_size - decoder->given;

	(void)handle;
	if (!left) {
		*bytes = 0;
		return decoder->finished ? FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM
					 : FLAC__STREAM_DECODER_READ_STATUS_ABORT;
	}
	if (*bytes > left)
		*bytes = left;
	memcpy(buffer, decoder->in + decoder->given, *bytes);
	decoder->given += *bytes;
	return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

static FLAC__StreamDecoderTellStatus on_tell(const FLAC__StreamDecoder *handle, FLAC__uint64 *offset, void *client)
{
	struct flac_decoder *decoder = client;

	(void)handle;
	*offset = decoder->in_offset + decoder->given;
	return FLAC__STREAM_DECODER_TELL_STATUS_OK;
}

static FLAC__StreamDecoderWriteStatus on_write(const FLAC__StreamDecoder *handle, const FLAC__Frame *frame,
					       const FLAC__int32 *const buffer[], void *client)
{
	struct flac_decoder *decoder = client;
	const FLAC__FrameHeader *header = &frame->header;
	size_t width = (header->bits_per_sample + 7) / 8;
	unsigned int shift = (unsigned int)(width * 8) - header->bits_per_sample;
	uint32_t sign = width == 1 ? 0x80 : 0;
	uint8_t *out;

	(void)handle;
	if (!grow(&decoder->out, &decoder->out_room, 0, header->blocksize * header->channels * width)) {
		decoder_error(&decoder->base, "There is no memory for a FLAC frame of %u samples.", header->blocksize);
		return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
	}
	out = decoder->out;
	for (uint32_t i = 0; i < header->blocksize; i++) {
		for (uint32_t channel = 0; channel < header->channels; channel++, out += width) {
			uint32_t sample = (uint32_t)buffer[channel][i] << shift ^ sign;

			memcpy(out, &sample, width);
		}
	}
	decoder->pcm = (struct pcm){
		.data = decoder->out, .frames = header->blocksize, .rate = header->sample_rate,
		.channels = header->channels, .bits = header->bits_per_sample,
	};
	decoder->decoded += header->blocksize;
	decoder->got_frame = true;
	return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

static void on_error(const FLAC__StreamDecoder *handle, FLAC__StreamDecoderErrorStatus status, void *client)
{
	struct flac_decoder *decoder = client;

	(void)handle;
	if (!decoder->trouble)
		decoder->trouble =
			status == FLAC__STREAM_DECODER_ERROR_STATUS_LOST_SYNC ? "no frame where one should start" :
			status == FLAC__STREAM_DECODER_ERROR_STATUS_BAD_HEADER ? "bad frame header" :
			status == FLAC__STREAM_DECODER_ERROR_STATUS_FRAME_CRC_MISMATCH ? "wrong checksum of a frame" :
			"a frame that cannot be parsed";
}

/* What was skipped before a good frame was damage; at the end it may be a tag, or a frame that is cut. */
static void report_trouble(struct flac_decoder *decoder, uint64_t sample)
{
	if (decoder->trouble)
		decoder_error(&decoder->base, "The FLAC stream is corrupt after sample %llu: %s.",
			      (unsigned long long)sample, decoder->trouble);
	decoder->trouble = NULL;
}

static struct decoder *flac_open(const struct media_format *format)
{
	struct flac_decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return NULL;
	decoder->format = *format;
	decoder->handle = FLAC__stream_decoder_new();
	if (!decoder->handle) {
		free(decoder);
		return NULL;
	}
	return &decoder->base;
}

static void flac_feed(struct decoder *base, const void *data, size_t size)
{
	struct flac_decoder *decoder = flac_of(base);

	decoder->fed += size;
	if (!grow(&decoder->in, &decoder->in_room, decoder->in_size, size)) {
		decoder_error(base, "There is no memory for %zu bytes of FLAC.", decoder->in_size + size);
		return;
	}
	memcpy(decoder->in + decoder->in_size, data, size);
	decoder->in_size += size;
}

/* The STREAMINFO block (RFC 9639, section 8.2) that the media format block describes. */
static void make_streaminfo(struct flac_decoder *decoder)
{
	const struct media_format *format = &decoder->format;
	uint32_t bits = format->bits ? format->bits : 16;
	uint32_t min_block = format->min_block ? format->min_block : 16;
	uint32_t max_block = format->max_block ? format->max_block : 65535;
	uint8_t *info = decoder->streaminfo;

	memset(info, 0, STREAMINFO_SIZE);
	info[0] = (uint8_t)(min_block >> 8);
	info[1] = (uint8_t)min_block;
	info[2] = (uint8_t)(max_block >> 8);
	info[3] = (uint8_t)max_block;
	for (int i = 0; i < 3; i++) {
		info[4 + i] = (uint8_t)(format->min_frame >> (16 - 8 * i));
		info[7 + i] = (uint8_t)(format->max_frame >> (16 - 8 * i));
	}
	info[10] = (uint8_t)(format->rate >> 12);
	info[11] = (uint8_t)(format->rate >> 4);
	info[12] = (uint8_t)((format->rate & 0xF) << 4 | (format->channels - 1) << 1 | (bits - 1) >> 4);
	info[13] = (uint8_t)(((bits - 1) & 0xF) << 4);
}

/* What the largest frame may need, as far as STREAMINFO tells. */
static size_t frame_bound(const uint8_t *info)
{
	size_t frame = (size_t)info[7] << 16 | (size_t)info[8] << 8 | info[9];
	size_t block = (size_t)info[2] << 8 | info[3];
	size_t channels = (info[12] >> 1 & 7u) + 1;
	size_t bits = ((info[12] & 1u) << 4 | info[13] >> 4) + 1u;

	if (!frame && block && block < 65535)
		frame = 64 + block * channels * (bits + 1) / 8;
	if (!frame)
		frame = FRAME_GUESS;
	return frame < FRAME_LIMIT ? frame : FRAME_LIMIT;
}

static uint64_t total_samples(const uint8_t *info)
{
	return (uint64_t)(info[13] & 0xF) << 32 | (uint64_t)info[14] << 24 | (uint64_t)info[15] << 16 |
	       (uint64_t)info[16] << 8 | info[17];
}

/* Starts libFLAC on a header of STREAMINFO alone, put before what is held. */
static bool start_frames(struct flac_decoder *decoder)
{
	static const uint8_t magic[8] = { 'f', 'L', 'a', 'C', 0x80, 0, 0, STREAMINFO_SIZE };
	const uint8_t *info = decoder->streaminfo;

	if (!grow(&decoder->in, &decoder->in_room, decoder->in_size, HEADER_SIZE))
		return false;
	memmove(decoder->in + HEADER_SIZE, decoder->in, decoder->in_size);
	memcpy(decoder->in, magic, sizeof(magic));
	memcpy(decoder->in + sizeof(magic), info, STREAMINFO_SIZE);
	decoder->in_size += HEADER_SIZE;
	decoder->in_offset = 0;
	decoder->given = 0;
	decoder->decoded = 0;
	decoder->frame_max = frame_bound(info);
	decoder->state = FLAC_FRAMES;
	if (FLAC__stream_decoder_init_stream(decoder->handle, on_read, NULL, on_tell, NULL, NULL, on_write, NULL, on_error,
					     decoder) != FLAC__STREAM_DECODER_INIT_STATUS_OK ||
	    !FLAC__stream_decoder_process_until_end_of_metadata(decoder->handle))
		return false;
	/* from here on libFLAC is at the first frame, and may be flushed back to it */
	FLAC__stream_decoder_flush(decoder->handle);
	drop(decoder, HEADER_SIZE);
	decoder->given = 0;
	return true;
}

/*
 * Reads what precedes the frames. Returns false if more data is needed for that.
 */
static bool read_header(struct flac_decoder *decoder)
{
	while (decoder->state == FLAC_START || decoder->state == FLAC_METADATA) {
		const uint8_t *in = decoder->in;

		if (decoder->skip) {
			size_t count = decoder->skip < decoder->in_size ? (size_t)decoder->skip : decoder->in_size;

			drop(decoder, count);
			decoder->skip -= count;
			if (decoder->skip)
				return false;
			continue;
		}
		if (decoder->state == FLAC_METADATA && decoder->last_block) {
			if (!start_frames(decoder))
				goto broken;
			continue;
		}
		/* the longest thing looked at: an ID3v2 header, or a block header and STREAMINFO */
		if (decoder->in_size < 4 + STREAMINFO_SIZE && !decoder->finished)
			return false;
		if (decoder->in_size < 10)
			return false;
		if (decoder->state == FLAC_METADATA) {
			size_t length = (size_t)in[1] << 16 | (size_t)in[2] << 8 | in[3];

			decoder->last_block = in[0] & 0x80;
			if ((in[0] & 0x7F) == 0 && length == STREAMINFO_SIZE &&
			    decoder->in_size >= 4 + STREAMINFO_SIZE) {
				memcpy(decoder->streaminfo, in + 4, STREAMINFO_SIZE);
				decoder->total = total_samples(decoder->streaminfo);
			}
			decoder->skip = 4 + length;
		} else if (!memcmp(in, "fLaC", 4)) {
			drop(decoder, 4);
			decoder->state = FLAC_METADATA;
			decoder->last_block = false;
			make_streaminfo(decoder);
		} else if (!memcmp(in, "ID3", 3)) {
			/* ID3v2 size: four bytes of seven bits */
			decoder->skip = 10 + ((uint64_t)(in[6] & 0x7F) << 21 | (uint64_t)(in[7] & 0x7F) << 14 |
					      (uint64_t)(in[8] & 0x7F) << 7 | (in[9] & 0x7Fu));
		} else {
			make_streaminfo(decoder);
			if (!start_frames(decoder))
				goto broken;
		}
	}
	return true;
broken:
	decoder_error(&decoder->base, "libFLAC cannot start: %s.",
		      FLAC__stream_decoder_get_resolved_state_string(decoder->handle));
	decoder->state = FLAC_ENDED;
	return true;
}

static void check_end(struct flac_decoder *decoder)
{
	size_t zeros = 0;

	while (zeros < decoder->in_size && !decoder->in[zeros])
		zeros++;
	if (decoder->total && decoder->decoded < decoder->total)
		decoder_error(&decoder->base, "The FLAC stream ends after %llu of %llu samples.",
			      (unsigned long long)decoder->decoded, (unsigned long long)decoder->total);
	else if (!decoder->decoded && decoder->fed)
		decoder_error(&decoder->base, "There is no FLAC frame in all the %llu bytes.",
			      (unsigned long long)decoder->fed);
	/* an ID3v1 tag is no frame, and the driver fills up a short last fragment */
	else if (zeros < decoder->in_size && (decoder->in_size < 3 || memcmp(decoder->in, "TAG", 3)))
		decoder_error(&decoder->base, "The FLAC stream ends in the middle of a frame (%zu bytes left over).",
			      decoder->in_size);
}

/* libFLAC ran out of data: back to the start of the frame. */
static void starve(struct flac_decoder *decoder)
{
	FLAC__stream_decoder_flush(decoder->handle);
	decoder->given = 0;
	decoder->starved_at = decoder->fed;
	if (decoder->in_size >= 2 * decoder->frame_max + FRAME_GUESS) {
		decoder_error(&decoder->base, "The FLAC stream is corrupt after sample %llu: no frame in %zu bytes.",
			      (unsigned long long)decoder->decoded, decoder->in_size);
		drop(decoder, decoder->in_size / 2);
	}
}

static enum decode_result flac_decode(struct decoder *base, bool hungry, struct pcm *pcm)
{
	struct flac_decoder *decoder = flac_of(base);

	for (;;) {
		FLAC__StreamDecoderState state;
		FLAC__uint64 position;

		if (!read_header(decoder)) {
			if (!decoder->finished)
				return DECODE_NEED_DATA;
			decoder->state = FLAC_ENDED;
			check_end(decoder);
		}
		if (decoder->state == FLAC_ENDED)
			return decoder->finished ? DECODE_END : DECODE_NEED_DATA;
		if (!decoder->finished && decoder->in_size < decoder->frame_max &&
		    (!hungry || decoder->fed == decoder->starved_at))
			return DECODE_NEED_DATA;
		decoder->got_frame = false;
		FLAC__stream_decoder_process_single(decoder->handle);
		state = FLAC__stream_decoder_get_state(decoder->handle);
		if (decoder->got_frame) {
			report_trouble(decoder, decoder->decoded - decoder->pcm.frames);
			if (FLAC__stream_decoder_get_decode_position(decoder->handle, &position) &&
			    position >= decoder->in_offset && position - decoder->in_offset <= decoder->in_size)
				drop(decoder, (size_t)(position - decoder->in_offset));
			*pcm = decoder->pcm;
			return DECODE_PCM;
		}
		switch (state) {
		case FLAC__STREAM_DECODER_SEARCH_FOR_FRAME_SYNC:
		case FLAC__STREAM_DECODER_READ_FRAME:
			break;
		case FLAC__STREAM_DECODER_END_OF_STREAM:
			decoder->state = FLAC_ENDED;
			check_end(decoder);
			break;
		case FLAC__STREAM_DECODER_ABORTED:
			starve(decoder);
			return DECODE_NEED_DATA;
		default:
			decoder_error(base, "libFLAC gave up: %s.",
				      FLAC__stream_decoder_get_resolved_state_string(decoder->handle));
			decoder->state = FLAC_ENDED;
		}
	}
}

static void flac_finish(struct decoder *base)
{
	flac_of(base)->finished = true;
}

static void flac_reset(struct decoder *base)
{
	struct flac_decoder *decoder = flac_of(base);

	FLAC__stream_decoder_finish(decoder->handle);
	decoder->state = FLAC_START;
	decoder->finished = false;
	decoder->skip = 0;
	decoder->in_size = decoder->given = 0;
	decoder->fed = decoder->starved_at = 0;
	decoder->total = decoder->decoded = 0;
	decoder->trouble = NULL;
}

static void flac_close(struct decoder *base)
{
	struct flac_decoder *decoder = flac_of(base);

	FLAC__stream_decoder_delete(decoder->handle);
	free(decoder->in);
	free(decoder->out);
	free(decoder);
}

const struct decoder_operations decoder_flac = {
	.codec = MEDIA_FLAC, .open = flac_open, .feed = flac_feed, .decode = flac_decode,
	.finish = flac_finish, .reset = flac_reset, .close = flac_close,
};
