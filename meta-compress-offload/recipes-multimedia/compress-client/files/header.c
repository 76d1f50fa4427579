// SPDX-License-Identifier: MIT
/* What stands before the first frame of a FLAC or MP3 file. */

#include <string.h>

#include "header.h"

#define FLAC_MARKER_LENGTH	4
#define FLAC_BLOCK_HEADER	4
#define FLAC_LAST_BLOCK		0x80
#define FLAC_STREAM_INFO_LENGTH	34
#define ID3_HEADER_LENGTH	10
#define ID3_HAS_FOOTER		0x10

static unsigned int big_endian(const uint8_t *data, size_t bytes)
{
	unsigned int value = 0;

	while (bytes--)
		value = value << 8 | *data++;

	return value;
}

static bool is_flac(const uint8_t *data, size_t length)
{
	return length >= FLAC_MARKER_LENGTH && !memcmp(data, "fLaC", FLAC_MARKER_LENGTH);
}

bool flac_read_stream_info(const uint8_t *data, size_t length, struct flac_stream_info *info)
{
	const uint8_t *block = data + FLAC_MARKER_LENGTH + FLAC_BLOCK_HEADER;

	/* STREAMINFO (type 0) is always the first block. */
	if (!is_flac(data, length) ||
	    length < FLAC_MARKER_LENGTH + FLAC_BLOCK_HEADER + FLAC_STREAM_INFO_LENGTH ||
	    (data[FLAC_MARKER_LENGTH] & ~FLAC_LAST_BLOCK) != 0)
		return false;

	info->min_block_size = big_endian(block, 2);
	info->max_block_size = big_endian(block + 2, 2);
	info->min_frame_size = big_endian(block + 4, 3);
	info->max_frame_size = big_endian(block + 7, 3);
	/* 20 bits of rate, 3 of channels - 1, 5 of bits - 1 */
	info->rate = big_endian(block + 10, 3) >> 4;
	info->channels = (block[12] >> 1 & 7) + 1;
	info->bits = (big_endian(block + 12, 2) >> 4 & 31) + 1;

	return true;
}

size_t flac_header_length(const uint8_t *data, size_t length)
{
	size_t offset = FLAC_MARKER_LENGTH;

	if (!is_flac(data, length))
		return 0;

	while (length - offset >= FLAC_BLOCK_HEADER) {
		bool last = data[offset] & FLAC_LAST_BLOCK;
		size_t size = big_endian(data + offset + 1, 3);

		offset += FLAC_BLOCK_HEADER;
		if (size > length - offset)
			return 0;
		offset += size;
		if (last)
			return offset;
	}

	return 0;
}

size_t mp3_header_length(const uint8_t *data, size_t length)
{
	size_t size = ID3_HEADER_LENGTH;

	if (length < ID3_HEADER_LENGTH || memcmp(data, "ID3", 3))
		return 0;

	/* four bytes of seven bits each */
	for (int i = 6; i < 10; i++)
		if (data[i] & 0x80)
			return 0;
	size += (size_t)data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9];
	if (data[5] & ID3_HAS_FOOTER)
		size += ID3_HEADER_LENGTH;

	return size <= length ? size : 0;
}
