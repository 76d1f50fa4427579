/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_MEDIA_H
#define VIRTUAL_ADSP_MEDIA_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "apr.h"

/* Media formats of the ASM service. Numbers and blocks: Linux sound/soc/qcom/qdsp6/q6asm.c. */
#define MEDIA_MP3	0x00010BE9	/* ASM_MEDIA_FMT_MP3 */
#define MEDIA_FLAC	0x00010C16	/* ASM_MEDIA_FMT_FLAC */
#define MEDIA_PCM	0x00010DA5	/* ASM_MEDIA_FMT_MULTI_CHANNEL_PCM_V2 */
#define MEDIA_WMA_V10	0x00010DA7	/* ASM_MEDIA_FMT_WMA_V10 */
#define MEDIA_WMA_V9	0x00010DA8	/* ASM_MEDIA_FMT_WMA_V9 */
#define MEDIA_ALAC	0x00012F31	/* ASM_MEDIA_FMT_ALAC */
#define MEDIA_APE	0x00012F32	/* ASM_MEDIA_FMT_APE */
/* not in Linux: Qualcomm's msm-4.9 kernel, include/sound/apr_audio-v2.h */
#define MEDIA_AAC	0x00010DA6	/* ASM_MEDIA_FMT_AAC_V2 */

#define MEDIA_CHANNELS_MAX 8		/* PCM_MAX_NUM_CHANNEL in q6dsp-common.h */
#define MEDIA_BLOCK_MAX 64		/* the largest block above has 44 bytes */

/* What a stream carries, as far as a media format block tells it. */
struct media_format {
	uint32_t codec;			/* MEDIA_* */
	uint32_t rate;			/* Hz; 0: not known */
	uint32_t channels;		/* 0: not known */
	uint32_t bits;			/* per sample; 0: not known */
	uint32_t min_block, max_block;	/* FLAC: samples per block; 0: not known */
	uint32_t min_frame, max_frame;	/* FLAC: bytes per frame; 0: not known */
	uint8_t block[MEDIA_BLOCK_MAX];	/* the block as it came */
	size_t block_size;
};

/* Short name of a codec for recordings ("mp3"), or NULL if the DSP knows no such format. */
const char *media_name(uint32_t codec);

/* Whether the codec needs a media format block before its data (all but MP3). */
int media_needs_block(uint32_t codec);

/*
 * Reads the payload of ASM_DATA_CMD_MEDIA_FMT_UPDATE_V2 (length word and block) for @codec into @format.
 * ADSP_EBADPARAM: too short, too long or impossible values.
 */
enum adsp_status media_parse(uint32_t codec, const uint8_t *payload, size_t size, struct media_format *format);

/* A field of the block by its name in media.c; 0: the codec's block has none of this name. */
uint32_t media_value(const struct media_format *format, const char *name);

/* Writes the fields of the block as a JSON object; {} if there is no block. */
void media_print(const struct media_format *format, FILE *out);

#endif
