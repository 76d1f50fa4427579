// SPDX-License-Identifier: MIT
/*
 * AAC by libfaad: ADTS frames, or raw data blocks one after the other.
 *
 * libfaad is given the raw data blocks in both cases, and an AudioSpecificConfig (ISO 14496-3, 1.6.2.1) made from the
 * ADTS header or from the media format block. It is silent for the first block after a start, whose first half lacks the
 * block before it; so is this.
 */
#include <string.h>

#include <neaacdec.h>

#include "framed.h"

/* ASM_MEDIA_FMT_AAC_FORMAT_FLAG_* in Qualcomm's msm-4.9 kernel, include/sound/apr_audio-v2.h */
#define FORMAT_ADTS	0
#define FORMAT_RAW	3

#define ADTS_HEADER	7
#define ADTS_CRC	2
#define BLOCK_MAX	768	/* bytes of a raw data block per channel: 6144 bits (ISO 14496-3, 4.5.3.1) */
#define SAMPLES		1024	/* of a block */
#define OBJECT_LC	2

static const uint32_t rates[] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350 };

/* libfaad's order of the channels of configurations 1 to 6, as a WAV file has them */
static const uint8_t order[7][6] = {
	{ 0 }, { 0 }, { 0, 1 }, { 1, 2, 0 }, { 1, 2, 0, 3 }, { 1, 2, 0, 3, 4 }, { 1, 2, 0, 5, 3, 4 },
};

struct aac_decoder {
	struct framed framed;
	NeAACDecHandle handle;
	uint32_t config;		/* of the handle: AudioSpecificConfig; 0: none yet */
	uint32_t rate, channels;
};

static struct aac_decoder *aac_of(struct framed *framed)
{
	return (struct aac_decoder *)framed;
}

static uint32_t rate_index(uint32_t rate)
{
	uint32_t index = 0;

	while (index < sizeof(rates) / sizeof(rates[0]) && rates[index] != rate)
		index++;
	return index;
}

static bool is_config(uint32_t index, uint32_t channels)
{
	return index < sizeof(rates) / sizeof(rates[0]) && channels >= 1 && channels <= 6;
}

/* Object type, 5 bits; rate index and channel configuration, 4 bits each; 3 bits for long blocks and no extension. */
static uint32_t make_config(uint32_t object, uint32_t index, uint32_t channels)
{
	return object << 11 | index << 7 | channels << 3;
}

/* A new handle: libfaad cannot be set up twice. */
static bool start(struct aac_decoder *decoder, uint32_t config)
{
	unsigned char bytes[2] = { (unsigned char)(config >> 8), (unsigned char)config };
	NeAACDecConfigurationPtr settings;
	unsigned char channels;
	unsigned long rate;

	if (decoder->handle)
		NeAACDecClose(decoder->handle);
	decoder->config = 0;
	decoder->handle = NeAACDecOpen();
	if (!decoder->handle)
		return false;
	settings = NeAACDecGetCurrentConfiguration(decoder->handle);
	settings->outputFormat = FAAD_FMT_16BIT;
	/* at low rates libfaad else takes SBR for granted */
	settings->dontUpSampleImplicitSBR = 1;
	NeAACDecSetConfiguration(decoder->handle, settings);
	/* 0: good; a failure is negative in a char, which has no sign on ARM */
	if (NeAACDecInit2(decoder->handle, bytes, sizeof(bytes), &rate, &channels))
		return false;
	decoder->config = config;
	decoder->rate = rates[config >> 7 & 15];
	decoder->channels = config >> 3 & 15;
	return true;
}

static bool aac_open(struct framed *framed)
{
	const struct media_format *format = &framed->format;
	uint32_t flag = media_value(format, "format_flag");

	if (!is_config(rate_index(format->rate), format->channels))
		return false;
	if (flag == FORMAT_ADTS)
		return true;	/* each frame tells */
	return flag == FORMAT_RAW && start(aac_of(framed), make_config(media_value(format, "object_type"),
								       rate_index(format->rate), format->channels));
}

static void fill(struct aac_decoder *decoder, const NeAACDecFrameInfo *info, const int16_t *samples, struct pcm *pcm)
{
	/* mono comes twice, since parametric stereo could begin at any time */
	uint32_t channels = info->samples && (info->ps || decoder->channels != 1) ? info->channels : decoder->channels;
	size_t frames = info->samples ? info->samples / info->channels : SAMPLES;
	uint8_t *out = channels <= 6 ? framed_out(&decoder->framed, frames * channels * 2) : NULL;

	if (!out)
		return;
	*pcm = (struct pcm){
		.data = out, .frames = frames, .channels = channels, .bits = 16,
		.rate = info->samplerate ? (uint32_t)info->samplerate : decoder->rate,
	};
	for (size_t i = 0; i < frames; i++)
		for (uint32_t channel = 0; channel < channels; channel++)
			out = framed_put(out, info->samples ? samples[i * info->channels + order[channels][channel]] : 0, 16);
}

/* Decodes a raw data block; the bytes that it had, 0: it cannot be decoded. */
static size_t decode_block(struct aac_decoder *decoder, uint8_t *data, size_t size, struct pcm *pcm)
{
	NeAACDecFrameInfo info = { 0 };
	const int16_t *samples = NeAACDecDecode(decoder->handle, &info, data, size);

	if (info.error) {
		decoder_error(&decoder->framed.base, "AAC frame %llu cannot be decoded: %s.",
			      (unsigned long long)decoder->framed.frames, NeAACDecGetErrorMessage(info.error));
		return 0;
	}
	fill(decoder, &info, samples, pcm);
	return info.bytesconsumed;
}

static enum framed_result next_raw(struct aac_decoder *decoder, size_t *used, struct pcm *pcm)
{
	struct framed *framed = &decoder->framed;
	size_t most = BLOCK_MAX * decoder->channels;

	/* libfaad cannot try a part of a block and try again */
	if (!framed->in_size || (!framed->finished && framed->in_size < most))
		return FRAMED_MORE;
	/* what fills up a short fragment */
	*used = framed->in_size < most ? framed->in_size : most;
	if (framed_zeros(framed->in, *used))
		return FRAMED_SKIP;
	*used = decode_block(decoder, framed->in, framed->in_size, pcm);
	if (*used && *used <= framed->in_size)
		return FRAMED_OK;
	/* nothing tells where the next block starts */
	*used = framed->in_size;
	pcm->frames = 0;
	start(decoder, decoder->config);
	return FRAMED_SKIP;
}

static bool is_header(const uint8_t *data)
{
	/* syncword, layer 0, rate index */
	return data[0] == 0xFF && (data[1] & 0xF6) == 0xF0 && (data[2] >> 2 & 15) < sizeof(rates) / sizeof(rates[0]);
}

static enum framed_result next_adts(struct aac_decoder *decoder, size_t *used, struct pcm *pcm)
{
	struct framed *framed = &decoder->framed;
	const uint8_t *in = framed->in;
	size_t length, header, junk = 0;
	uint32_t config, channels;

	while (junk + ADTS_HEADER <= framed->in_size && !is_header(in + junk))
		junk++;
	if (junk) {
		*used = junk;
		if (!framed_zeros(in, junk))
			decoder_error(&framed->base, "%zu bytes before AAC frame %llu are none.", junk,
				      (unsigned long long)framed->frames);
		return FRAMED_SKIP;
	}
	if (framed->in_size < ADTS_HEADER)
		return FRAMED_MORE;
	length = (size_t)(in[3] & 3) << 11 | (size_t)in[4] << 3 | in[5] >> 5;
	header = in[1] & 1 ? ADTS_HEADER : ADTS_HEADER + ADTS_CRC;
	channels = (uint32_t)(in[2] & 1) << 2 | in[3] >> 6;
	config = make_config((in[2] >> 6) + 1u, in[2] >> 2 & 15, channels);
	*used = 1;
	if (length <= header || !is_config(in[2] >> 2 & 15, channels) || (in[6] & 3)) {
		decoder_error(&framed->base, "The header of AAC frame %llu is not valid, or of a kind that is rare.",
			      (unsigned long long)framed->frames);
		return FRAMED_SKIP;
	}
	*used = 0;
	if (framed->in_size < length)
		return FRAMED_MORE;
	*used = length;
	if (decoder->config != config && !start(decoder, config))
		return FRAMED_SKIP;
	return decode_block(decoder, framed->in + header, length - header, pcm) ? FRAMED_OK : FRAMED_SKIP;
}

static enum framed_result aac_next(struct framed *framed, bool hungry, size_t *used, struct pcm *pcm)
{
	struct aac_decoder *decoder = aac_of(framed);

	(void)hungry;
	if (media_value(&framed->format, "format_flag") == FORMAT_RAW)
		return next_raw(decoder, used, pcm);
	return next_adts(decoder, used, pcm);
}

static void aac_reset(struct framed *framed)
{
	struct aac_decoder *decoder = aac_of(framed);

	if (decoder->config)
		start(decoder, decoder->config);
}

static void aac_close(struct framed *framed)
{
	if (aac_of(framed)->handle)
		NeAACDecClose(aac_of(framed)->handle);
}

static const struct framed_codec aac = {
	.name = "AAC", .size = sizeof(struct aac_decoder),
	.open = aac_open, .next = aac_next, .reset = aac_reset, .close = aac_close,
};

static struct decoder *open_aac(const struct media_format *format)
{
	return framed_open(&aac, format);
}

const struct decoder_operations decoder_aac = { .codec = MEDIA_AAC, .open = open_aac, FRAMED_OPERATIONS };
