// SPDX-License-Identifier: MIT
/*
 * Apple Lossless: frames one after the other, as they are in an MP4 file, without its index. Only decoding a frame tells
 * where it ends, and libavcodec does not say; so this is a decoder of its own, after the description that comes with
 * Apple's ALACMagicCookieDescription.txt and the bit stream itself.
 *
 * A frame is a list of elements of one or two channels each, ended by a tag and padded to a whole byte.
 */
#include <stdlib.h>
#include <string.h>

#include "framed.h"

#define FRAME_LENGTH_MAX	65536
#define ORDER_MAX		31
#define DELTA_ORDER		31	/* as an order: the sum of all residuals */

enum tag { TAG_MONO, TAG_PAIR, TAG_COUPLING, TAG_LFE, TAG_DATA, TAG_PROGRAM, TAG_FILL, TAG_END };

enum alac_result { ALAC_GOOD, ALAC_BAD, ALAC_SHORT };

struct bits {
	const uint8_t *data;
	size_t size, at;		/* in bits */
	bool over;			/* it was read beyond the end */
};

struct alac_decoder {
	struct framed framed;
	uint32_t frame_length;		/* samples per channel */
	uint32_t channels, depth;
	uint32_t history, history_step, rice_limit;	/* mb, pb, kb */
	int32_t *samples[MEDIA_CHANNELS_MAX];	/* a frame of each channel */
	uint16_t *low[2];		/* the low bits of an element's samples, where they are kept apart */
};

/* What precedes the residuals of a channel. */
struct predictor {
	uint32_t mode, shift, step_factor, order;
	int16_t weights[ORDER_MAX + 1];
};

/* Channels as a WAV file has them, of those in the stream: C L R Ls Rs LFE and so on (the block's channelLayoutTag). */
static const uint8_t layouts[MEDIA_CHANNELS_MAX][MEDIA_CHANNELS_MAX] = {
	{ 0 }, { 0, 1 }, { 1, 2, 0 }, { 1, 2, 0, 3 }, { 1, 2, 0, 3, 4 }, { 1, 2, 0, 5, 3, 4 }, { 1, 2, 0, 6, 3, 4, 5 },
	{ 3, 4, 0, 7, 5, 6, 1, 2 },
};

static struct alac_decoder *alac_of(struct framed *framed)
{
	return (struct alac_decoder *)framed;
}

/* --- bits, the most significant first --- */

/* Without moving on; @count: 0 to 32. What is beyond the end reads as 0. */
static uint32_t peek(const struct bits *bits, uint32_t count)
{
	uint64_t value = 0;
	size_t byte = bits->at / 8;

	for (size_t i = byte; i < byte + 5; i++)
		value = value << 8 | (i < bits->size / 8 ? bits->data[i] : 0);
	return (uint32_t)(value >> (40 - bits->at % 8 - count) & ((1ull << count) - 1));
}

static void skip(struct bits *bits, size_t count)
{
	bits->at += count;
	if (bits->at > bits->size)
		bits->over = true;
}

static uint32_t take(struct bits *bits, uint32_t count)
{
	uint32_t value = peek(bits, count);

	skip(bits, count);
	return value;
}

/* Arithmetic is modulo 2^32, as in the encoder. */
static int32_t extended(uint32_t value, uint32_t bits)
{
	return (int32_t)(value << (32 - bits)) >> (32 - bits);
}

/* --- residuals --- */

static uint32_t log2_floor(uint32_t value)
{
	return 31 - (uint32_t)__builtin_clz(value);
}

/* A value in a Golomb code of 2^k - 1; nine ones instead of a prefix: @escape bits as they are. */
static uint32_t golomb(struct bits *bits, uint32_t k, uint32_t limit, uint32_t escape)
{
	uint32_t prefix = 0, rest, divisor = (1u << (k < limit ? k : limit)) - 1;

	while (prefix < 9 && take(bits, 1))
		prefix++;
	if (prefix == 9)
		return take(bits, escape);
	if (k <= 1)
		return prefix * divisor;
	rest = peek(bits, k);
	skip(bits, rest < 2 ? k - 1 : k);
	return prefix * divisor + (rest < 2 ? 0 : rest - 1);
}

static enum alac_result read_residuals(struct alac_decoder *decoder, struct bits *bits, uint32_t step_factor,
				       uint32_t width, int32_t *out, uint32_t count)
{
	uint32_t history = decoder->history, step = decoder->history_step * step_factor / 4, odd = 0;

	for (uint32_t i = 0; i < count;) {
		uint32_t k = log2_floor((history >> 9) + 3), value;

		if (k > decoder->rice_limit)
			k = decoder->rice_limit;
		value = golomb(bits, k, 31, width);
		if (bits->over)
			return ALAC_SHORT;
		history = value > 0xFFFF ? 0xFFFF : history + (value + odd) * step - (uint32_t)((uint64_t)history * step >> 9);
		value += odd;
		out[i++] = (int32_t)(value >> 1 ^ -(value & 1));
		odd = 0;
		if (history < 128 && i < count) {
			uint32_t run;

			k = (history ? (uint32_t)__builtin_clz(history) : 32) - 24 + ((history + 16) >> 6);
			run = golomb(bits, k, decoder->rice_limit, 16);
			if (bits->over)
				return ALAC_SHORT;
			if (run > count - i)
				return ALAC_BAD;
			memset(out + i, 0, run * sizeof(*out));
			i += run;
			odd = run < 0xFFFF;
			history = 0;
		}
	}
	return ALAC_GOOD;
}

/* --- prediction --- */

static int32_t sign(int32_t value)
{
	return (value > 0) - (value < 0);
}

static void sum_up(int32_t *samples, uint32_t count, uint32_t width)
{
	for (uint32_t i = 1; i < count; i++)
		samples[i] = extended((uint32_t)samples[i] + (uint32_t)samples[i - 1], width);
}

/* Replaces the residuals in @samples; the weights adapt themselves. */
static void predict(struct predictor *predictor, int32_t *samples, uint32_t count, uint32_t width)
{
	uint32_t order = predictor->order, half = predictor->shift ? 1u << (predictor->shift - 1) : 0;

	if (!order)
		return;
	sum_up(samples, order == DELTA_ORDER || order + 1 > count ? count : order + 1, width);
	if (order == DELTA_ORDER)
		return;
	for (uint32_t i = order + 1; i < count; i++) {
		const int32_t *past = samples + i - 1;
		int32_t base = samples[i - order - 1], residual = samples[i], left = residual, direction = sign(residual);
		uint32_t sum = half;

		for (uint32_t j = 0; j < order; j++)
			sum += (uint32_t)predictor->weights[j] * ((uint32_t)past[-(int)j] - (uint32_t)base);
		samples[i] = extended((uint32_t)residual + (uint32_t)base + (uint32_t)((int32_t)sum >> predictor->shift), width);
		for (uint32_t j = order; direction && j-- > 0 && left * (int64_t)direction > 0;) {
			int32_t gap = (int32_t)((uint32_t)base - (uint32_t)past[-(int)j]), way = sign(gap) * direction;

			predictor->weights[j] = (int16_t)(predictor->weights[j] - way);
			left = (int32_t)((uint32_t)left -
					 (order - j) * (uint32_t)((int32_t)((uint32_t)way * (uint32_t)gap) >> predictor->shift));
		}
	}
}

/* --- frames --- */

static void read_predictor(struct bits *bits, struct predictor *predictor)
{
	predictor->mode = take(bits, 4);
	predictor->shift = take(bits, 4);
	predictor->step_factor = take(bits, 3);
	predictor->order = take(bits, 5);
	for (uint32_t i = 0; i < predictor->order; i++)
		predictor->weights[i] = (int16_t)take(bits, 16);
}

static void unmix(int32_t *left, int32_t *right, uint32_t count, uint32_t shift, int32_t weight)
{
	for (uint32_t i = 0; weight && i < count; i++) {
		uint32_t difference = (uint32_t)right[i];
		uint32_t sum = (uint32_t)left[i] + difference - (uint32_t)((int32_t)((uint32_t)weight * difference) >> shift);

		left[i] = (int32_t)sum;
		right[i] = (int32_t)(sum - difference);
	}
}

static enum alac_result read_packed(struct alac_decoder *decoder, struct bits *bits, int32_t **out, uint32_t channels,
				    uint32_t count, uint32_t low_bits)
{
	uint32_t width = decoder->depth - low_bits + channels - 1;
	uint32_t mix_shift = take(bits, 8);
	int32_t mix_weight = (int8_t)take(bits, 8);
	struct predictor predictor[2];

	if (mix_shift > 31 || width > 32)
		return bits->over ? ALAC_SHORT : ALAC_BAD;
	for (uint32_t channel = 0; channel < channels; channel++)
		read_predictor(bits, &predictor[channel]);
	for (uint32_t i = 0; low_bits && i < count; i++)
		for (uint32_t channel = 0; channel < channels; channel++)
			decoder->low[channel][i] = (uint16_t)take(bits, low_bits);
	for (uint32_t channel = 0; channel < channels; channel++) {
		enum alac_result result = read_residuals(decoder, bits, predictor[channel].step_factor, width, out[channel],
							 count);

		if (result != ALAC_GOOD)
			return result;
		if (predictor[channel].mode)
			sum_up(out[channel], count, width);
		predict(&predictor[channel], out[channel], count, width);
	}
	if (channels == 2)
		unmix(out[0], out[1], count, mix_shift, mix_weight);
	for (uint32_t channel = 0; low_bits && channel < channels; channel++)
		for (uint32_t i = 0; i < count; i++)
			out[channel][i] = (int32_t)((uint32_t)out[channel][i] << low_bits | decoder->low[channel][i]);
	return ALAC_GOOD;
}

/* One or two channels into @out. @count: samples per channel, the same in all elements of a frame. */
static enum alac_result read_element(struct alac_decoder *decoder, struct bits *bits, int32_t **out, uint32_t channels,
				     uint32_t *count)
{
	uint32_t unused, partial, low_bits, escape, length;

	skip(bits, 4);			/* instance */
	unused = take(bits, 12);
	partial = take(bits, 1);
	low_bits = 8 * take(bits, 2);
	escape = take(bits, 1);
	length = partial ? take(bits, 32) : decoder->frame_length;
	if (bits->over)
		return ALAC_SHORT;
	if (unused || low_bits > 16 || low_bits >= decoder->depth || !length || length > decoder->frame_length ||
	    (*count && *count != length))
		return ALAC_BAD;
	*count = length;
	if (!escape)
		return read_packed(decoder, bits, out, channels, length, low_bits);
	for (uint32_t i = 0; i < length; i++)
		for (uint32_t channel = 0; channel < channels; channel++)
			out[channel][i] = extended(take(bits, decoder->depth), decoder->depth);
	return bits->over ? ALAC_SHORT : ALAC_GOOD;
}

static void skip_data(struct bits *bits, enum tag tag)
{
	uint32_t count;

	if (tag == TAG_FILL) {
		count = take(bits, 4);
		if (count == 15)
			count += take(bits, 8) - 1;
	} else {
		uint32_t align;

		skip(bits, 4);
		align = take(bits, 1);
		count = take(bits, 8);
		if (count == 255)
			count += take(bits, 8);
		if (align)
			skip(bits, (8 - bits->at % 8) % 8);
	}
	skip(bits, 8 * (size_t)count);
}

static enum alac_result read_frame(struct alac_decoder *decoder, struct bits *bits, uint32_t *count)
{
	uint32_t channel = 0;

	for (;;) {
		enum tag tag = (enum tag)take(bits, 3);
		uint32_t channels = tag == TAG_PAIR ? 2 : 1;
		enum alac_result result;

		if (bits->over)
			return ALAC_SHORT;
		switch (tag) {
		case TAG_MONO:
		case TAG_PAIR:
		case TAG_LFE:
			if (channel + channels > decoder->channels)
				return ALAC_BAD;
			result = read_element(decoder, bits, decoder->samples + channel, channels, count);
			if (result != ALAC_GOOD)
				return result;
			channel += channels;
			break;
		case TAG_DATA:
		case TAG_FILL:
			skip_data(bits, tag);
			break;
		case TAG_END:
			skip(bits, (8 - bits->at % 8) % 8);
			return channel == decoder->channels ? ALAC_GOOD : ALAC_BAD;
		default:
			return ALAC_BAD;
		}
	}
}

static bool alac_open(struct framed *framed)
{
	struct alac_decoder *decoder = alac_of(framed);
	const struct media_format *format = &framed->format;

	decoder->frame_length = media_value(format, "frame_length");
	decoder->history = media_value(format, "mb");
	decoder->history_step = media_value(format, "pb");
	decoder->rice_limit = media_value(format, "kb");
	decoder->channels = format->channels;
	decoder->depth = format->bits;
	if (!decoder->frame_length || decoder->frame_length > FRAME_LENGTH_MAX || decoder->rice_limit > 31 ||
	    !decoder->rice_limit || decoder->depth < 16 || decoder->depth > 32 || media_value(format, "compatible_version"))
		return false;
	for (uint32_t channel = 0; channel < decoder->channels; channel++) {
		decoder->samples[channel] = calloc(decoder->frame_length, sizeof(int32_t));
		if (!decoder->samples[channel])
			return false;
	}
	for (int i = 0; i < 2; i++) {
		decoder->low[i] = calloc(decoder->frame_length, sizeof(uint16_t));
		if (!decoder->low[i])
			return false;
	}
	return true;
}

static void fill(struct alac_decoder *decoder, uint32_t count, struct pcm *pcm)
{
	const uint8_t *layout = layouts[decoder->channels - 1];
	uint8_t *out = framed_out(&decoder->framed, (size_t)count * decoder->channels * ((decoder->depth + 7) / 8));

	if (!out)
		return;
	*pcm = (struct pcm){
		.data = out, .frames = count, .rate = decoder->framed.format.rate, .channels = decoder->channels,
		.bits = decoder->depth,
	};
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t channel = 0; channel < decoder->channels; channel++)
			out = framed_put(out, decoder->samples[layout[channel]][i], decoder->depth);
}

/* Whether a frame may start here: an element of the right kind, with its 12 bits of 0. */
static bool is_start(const struct alac_decoder *decoder, const uint8_t *data)
{
	enum tag tag = (enum tag)(data[0] >> 5);

	return (tag == TAG_PAIR ? decoder->channels == 2 : tag == TAG_MONO && decoder->channels != 2) &&
	       !data[1] && !(data[0] & 1) && !(data[2] & 0xE0);
}

static enum framed_result alac_next(struct framed *framed, bool hungry, size_t *used, struct pcm *pcm)
{
	struct alac_decoder *decoder = alac_of(framed);
	/* the largest frame: not compressed, with its head and tail */
	size_t largest = (size_t)decoder->frame_length * decoder->channels * ((decoder->depth + 7) / 8) + 64;
	struct bits bits = { .data = framed->in, .size = 8 * framed->in_size };
	uint32_t count = 0;

	if (!framed->in_size || (framed->finished && framed_zeros(framed->in, framed->in_size)) ||
	    (!hungry && !framed->finished && framed->in_size < largest))
		return FRAMED_MORE;
	switch (read_frame(decoder, &bits, &count)) {
	case ALAC_GOOD:
		*used = bits.at / 8;
		fill(decoder, count, pcm);
		return FRAMED_OK;
	case ALAC_SHORT:
		if (framed->in_size < largest)
			return FRAMED_MORE;
		break;
	default:
		break;
	}
	decoder_error(&framed->base, "ALAC frame %llu cannot be decoded.", (unsigned long long)framed->frames);
	for (*used = 1; *used + 3 <= framed->in_size && !is_start(decoder, framed->in + *used); )
		++*used;
	return FRAMED_SKIP;
}

static void alac_reset(struct framed *framed)
{
	(void)framed;
}

static void alac_close(struct framed *framed)
{
	struct alac_decoder *decoder = alac_of(framed);

	for (int i = 0; i < MEDIA_CHANNELS_MAX; i++)
		free(decoder->samples[i]);
	free(decoder->low[0]);
	free(decoder->low[1]);
}

static const struct framed_codec alac = {
	.name = "ALAC", .size = sizeof(struct alac_decoder),
	.open = alac_open, .next = alac_next, .reset = alac_reset, .close = alac_close,
};

static struct decoder *open_alac(const struct media_format *format)
{
	return framed_open(&alac, format);
}

const struct decoder_operations decoder_alac = { .codec = MEDIA_ALAC, .open = open_alac, FRAMED_OPERATIONS };
