// SPDX-License-Identifier: MIT
#include "avdecode.h"

#include <math.h>
#include <string.h>

bool avdecode_open(struct avdecode *av, const struct media_format *format, const struct avdecode_setup *setup)
{
	const AVCodec *codec = avcodec_find_decoder(setup->id);

	av_log_set_level(AV_LOG_QUIET);
	if (!codec)
		return false;
	av->context = avcodec_alloc_context3(codec);
	av->packet = av_packet_alloc();
	av->frame = av_frame_alloc();
	if (!av->context || !av->packet || !av->frame)
		return false;
	av->context->sample_rate = (int)format->rate;
	av_channel_layout_default(&av->context->ch_layout, (int)format->channels);
	av->context->block_align = (int)setup->block_align;
	av->context->bit_rate = setup->bit_rate;
	av->context->bits_per_coded_sample = (int)setup->bits;
	/* more threads would hold packets back */
	av->context->thread_count = 1;
	av->context->extradata = av_mallocz(setup->extradata_size + AV_INPUT_BUFFER_PADDING_SIZE);
	if (!av->context->extradata)
		return false;
	memcpy(av->context->extradata, setup->extradata, setup->extradata_size);
	av->context->extradata_size = (int)setup->extradata_size;
	return avcodec_open2(av->context, codec, NULL) == 0;
}

static void complain(struct framed *framed, int result)
{
	char why[AV_ERROR_MAX_STRING_SIZE] = "";

	if (result >= 0 || result == AVERROR(EAGAIN) || result == AVERROR_EOF)
		return;
	av_strerror(result, why, sizeof(why));
	decoder_error(&framed->base, "%s frame %llu cannot be decoded: %s.", framed->codec->name,
		      (unsigned long long)framed->frames, why);
}

void avdecode_send(struct avdecode *av, struct framed *framed, const uint8_t *data, size_t size)
{
	if (av_new_packet(av->packet, (int)size) < 0) {
		decoder_error(&framed->base, "There is no memory for a packet of %zu bytes.", size);
		return;
	}
	memcpy(av->packet->data, data, size);
	complain(framed, avcodec_send_packet(av->context, av->packet));
	av_packet_unref(av->packet);
}

static int32_t rounded(double sample)
{
	double scaled = rint(sample * 32768.0);

	if (isnan(scaled))
		return 0;	/* what libavcodec makes of some damaged data */
	return scaled > INT16_MAX ? INT16_MAX : scaled < INT16_MIN ? INT16_MIN : (int32_t)scaled;
}

static int32_t sample_at(const AVFrame *frame, int channel, int index, uint32_t bits)
{
	enum AVSampleFormat format = (enum AVSampleFormat)frame->format;
	const uint8_t *data = frame->extended_data[0];

	if (av_sample_fmt_is_planar(format))
		data = frame->extended_data[channel];
	else
		index = index * frame->ch_layout.nb_channels + channel;
	switch (av_get_packed_sample_fmt(format)) {
	case AV_SAMPLE_FMT_U8:
		return data[index] - 0x80;
	case AV_SAMPLE_FMT_S16:
		return ((const int16_t *)data)[index];
	case AV_SAMPLE_FMT_S32:
		/* the significant bits are at the high end */
		return ((const int32_t *)data)[index] >> (32 - bits);
	default:
		return rounded(((const float *)data)[index]);
	}
}

static uint32_t bits_of(const AVCodecContext *context, const AVFrame *frame)
{
	switch (av_get_packed_sample_fmt((enum AVSampleFormat)frame->format)) {
	case AV_SAMPLE_FMT_U8:
		return 8;
	case AV_SAMPLE_FMT_S32:
		return context->bits_per_raw_sample ? (uint32_t)context->bits_per_raw_sample : 32;
	default:
		return 16;	/* a lossy codec has no depth of its own */
	}
}

bool avdecode_receive(struct avdecode *av, struct framed *framed, struct pcm *pcm)
{
	int result, channels;
	uint32_t bits;
	uint8_t *out;

	do {
		result = avcodec_receive_frame(av->context, av->frame);
		complain(framed, result);
	} while (result < 0 && result != AVERROR(EAGAIN) && result != AVERROR_EOF);
	if (result < 0)
		return false;
	bits = bits_of(av->context, av->frame);
	channels = av->frame->ch_layout.nb_channels;
	out = framed_out(framed, (size_t)av->frame->nb_samples * (size_t)channels * ((bits + 7) / 8));
	if (out) {
		*pcm = (struct pcm){
			.data = out, .frames = (size_t)av->frame->nb_samples, .bits = bits,
			.rate = (uint32_t)av->frame->sample_rate, .channels = (uint32_t)channels,
		};
		for (int i = 0; i < av->frame->nb_samples; i++)
			for (int channel = 0; channel < channels; channel++)
				out = framed_put(out, sample_at(av->frame, channel, i, bits), bits);
	}
	av_frame_unref(av->frame);
	return out;
}

bool avdecode_rest(struct avdecode *av, struct framed *framed, struct pcm *pcm)
{
	if (!av->ended)
		avcodec_send_packet(av->context, NULL);
	av->ended = true;
	return avdecode_receive(av, framed, pcm);
}

void avdecode_reset(struct avdecode *av)
{
	avcodec_flush_buffers(av->context);
	av->ended = false;
}

void avdecode_close(struct avdecode *av)
{
	avcodec_free_context(&av->context);
	av_packet_free(&av->packet);
	av_frame_free(&av->frame);
}
