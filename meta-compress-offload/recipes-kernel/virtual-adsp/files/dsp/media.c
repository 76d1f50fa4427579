// SPDX-License-Identifier: MIT
#include "media.h"

#include <string.h>

/* One field of a media format block: all are unsigned and little-endian. */
struct field {
	const char *name;
	uint8_t offset, size;		/* bytes; 0 ends a list */
};

/* struct asm_multi_channel_pcm_fmt_blk_v2 without its length word */
static const struct field pcm_fields[] = {
	{ "channels", 0, 2 }, { "bits", 2, 2 }, { "rate", 4, 4 }, { "signed", 8, 2 }, { 0 }
};
/* struct asm_flac_fmt_blk_v2 */
static const struct field flac_fields[] = {
	{ "stream_info_present", 0, 2 }, { "channels", 2, 2 }, { "min_block_size", 4, 2 },
	{ "max_block_size", 6, 2 }, { "rate", 24, 4 }, { "min_frame_size", 28, 4 },
	{ "max_frame_size", 32, 4 }, { "bits", 36, 2 }, { 0 }
};
/* struct asm_wmastdv9_fmt_blk_v2 */
static const struct field wma9_fields[] = {
	{ "format_tag", 0, 2 }, { "channels", 2, 2 }, { "rate", 4, 4 }, { "bytes_per_second", 8, 4 },
	{ "block_align", 12, 2 }, { "bits", 14, 2 }, { "channel_mask", 16, 4 }, { "encoder_options", 20, 2 }, { 0 }
};
/* struct asm_wmaprov10_fmt_blk_v2 */
static const struct field wma10_fields[] = {
	{ "format_tag", 0, 2 }, { "channels", 2, 2 }, { "rate", 4, 4 }, { "bytes_per_second", 8, 4 },
	{ "block_align", 12, 2 }, { "bits", 14, 2 }, { "channel_mask", 16, 4 }, { "encoder_options", 20, 2 },
	{ "advanced_encoder_options", 22, 2 }, { "advanced_encoder_options2", 24, 4 }, { 0 }
};
/* struct asm_alac_fmt_blk_v2 */
static const struct field alac_fields[] = {
	{ "frame_length", 0, 4 }, { "compatible_version", 4, 1 }, { "bits", 5, 1 }, { "pb", 6, 1 }, { "mb", 7, 1 },
	{ "kb", 8, 1 }, { "channels", 9, 1 }, { "max_run", 10, 2 }, { "max_frame_bytes", 12, 4 },
	{ "average_bit_rate", 16, 4 }, { "rate", 20, 4 }, { "channel_layout_tag", 24, 4 }, { 0 }
};
/* struct asm_ape_fmt_blk_v2 */
static const struct field ape_fields[] = {
	{ "compatible_version", 0, 2 }, { "compression_level", 2, 2 }, { "format_flags", 4, 4 },
	{ "blocks_per_frame", 8, 4 }, { "final_frame_blocks", 12, 4 }, { "total_frames", 16, 4 },
	{ "bits", 20, 2 }, { "channels", 22, 2 }, { "rate", 24, 4 }, { "seek_table_present", 28, 4 }, { 0 }
};
/* struct asm_aac_fmt_blk_v2 in Qualcomm's msm-4.9 kernel, include/sound/apr_audio-v2.h */
static const struct field aac_fields[] = {
	{ "format_flag", 0, 2 }, { "object_type", 2, 2 }, { "channels", 4, 2 }, { "pce_bits", 6, 2 }, { "rate", 8, 4 }, { 0 }
};

static const struct media {
	uint32_t codec;
	const char *name;
	const struct field *fields;
	size_t block_size;
} media[] = {
	{ MEDIA_MP3, "mp3", NULL, 0 },
	{ MEDIA_FLAC, "flac", flac_fields, 40 },
	{ MEDIA_PCM, "pcm", pcm_fields, 20 },
	{ MEDIA_WMA_V9, "wma9", wma9_fields, 24 },
	{ MEDIA_WMA_V10, "wma10", wma10_fields, 28 },
	{ MEDIA_ALAC, "alac", alac_fields, 28 },
	{ MEDIA_APE, "ape", ape_fields, 32 },
	{ MEDIA_AAC, "aac", aac_fields, 12 },
};

static const struct media *find(uint32_t codec)
{
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++)
		if (media[i].codec == codec)
			return &media[i];
	return NULL;
}

static uint32_t field_value(const uint8_t *block, const struct field *field)
{
	uint32_t value = 0;

	memcpy(&value, block + field->offset, field->size);
	return value;
}

uint32_t media_value(const struct media_format *format, const char *name)
{
	const struct media *entry = find(format->codec);

	for (const struct field *field = entry ? entry->fields : NULL; field && field->name; field++)
		if (!strcmp(field->name, name))
			return field_value(format->block, field);
	return 0;
}

const char *media_name(uint32_t codec)
{
	const struct media *entry = find(codec);

	return entry ? entry->name : NULL;
}

int media_needs_block(uint32_t codec)
{
	const struct media *entry = find(codec);

	return entry && entry->fields;
}

enum adsp_status media_parse(uint32_t codec, const uint8_t *payload, size_t size, struct media_format *format)
{
	const struct media *entry = find(codec);
	uint32_t length;

	if (!entry)
		return ADSP_EUNSUPPORTED;
	if (size < sizeof(length))
		return ADSP_EBADPARAM;
	memcpy(&length, payload, sizeof(length));
	if (length > size - sizeof(length) || length > MEDIA_BLOCK_MAX || length < entry->block_size)
		return ADSP_EBADPARAM;
	*format = (struct media_format){ .codec = codec, .block_size = length };
	memcpy(format->block, payload + sizeof(length), length);
	if (!entry->fields)
		return ADSP_EOK;
	format->rate = media_value(format, "rate");
	format->channels = media_value(format, "channels");
	format->bits = media_value(format, "bits");
	format->min_block = media_value(format, "min_block_size");
	format->max_block = media_value(format, "max_block_size");
	format->min_frame = media_value(format, "min_frame_size");
	format->max_frame = media_value(format, "max_frame_size");
	/* 384 kHz is the highest rate that a port of the ADSP can have */
	if (!format->rate || format->rate > 384000 || !format->channels || format->channels > MEDIA_CHANNELS_MAX ||
	    format->bits > 32)
		return ADSP_EBADPARAM;
	return ADSP_EOK;
}

void media_print(const struct media_format *format, FILE *out)
{
	const struct media *entry = find(format->codec);
	const char *separator = "";

	fputc('{', out);
	if (entry && entry->fields && format->block_size) {
		for (const struct field *field = entry->fields; field->name; field++) {
			fprintf(out, "%s\"%s\":%u", separator, field->name, field_value(format->block, field));
			separator = ",";
		}
	}
	fputc('}', out);
}
