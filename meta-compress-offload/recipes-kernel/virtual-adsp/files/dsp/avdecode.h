/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_AVDECODE_H
#define VIRTUAL_ADSP_AVDECODE_H

#include <libavcodec/avcodec.h>

#include "framed.h"

/* A decoder of libavcodec, which wants whole packets. */
struct avdecode {
	AVCodecContext *context;
	AVPacket *packet;
	AVFrame *frame;
	bool ended;
};

/* What the decoder is to know beside rate and channels; see AVCodecContext. */
struct avdecode_setup {
	enum AVCodecID id;
	uint32_t block_align;		/* bytes */
	uint32_t bit_rate;		/* bits per second */
	uint32_t bits;			/* per sample, as coded */
	const uint8_t *extradata;
	size_t extradata_size;
};

/* False: no such decoder, no memory, or it refuses the parameters. */
bool avdecode_open(struct avdecode *av, const struct media_format *format, const struct avdecode_setup *setup);

/* A packet, only after avdecode_receive() was false. */
void avdecode_send(struct avdecode *av, struct framed *framed, const uint8_t *data, size_t size);

/* The next audio of what was sent, in @framed's buffer; false: none. */
bool avdecode_receive(struct avdecode *av, struct framed *framed, struct pcm *pcm);

/* Once nothing more will be sent: the decoder's rest; false: none. */
bool avdecode_rest(struct avdecode *av, struct framed *framed, struct pcm *pcm);

void avdecode_reset(struct avdecode *av);
void avdecode_close(struct avdecode *av);

#endif
