/* SPDX-License-Identifier: MIT */
#ifndef HEADER_H
#define HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The fields of a FLAC file's STREAMINFO block (RFC 9639, section 8.2). Block
 * sizes are in samples, frame sizes in bytes, 0 where the encoder did not know.
 */
struct flac_stream_info {
	unsigned int min_block_size;
	unsigned int max_block_size;
	unsigned int min_frame_size;
	unsigned int max_frame_size;
	unsigned int rate;
	unsigned int channels;
	unsigned int bits;
};

/* Fills info from the start of a FLAC file; false if it is none. */
bool flac_read_stream_info(const uint8_t *data, size_t length, struct flac_stream_info *info);

/* The offset of the first frame of a FLAC file, or 0 if it has no whole header. */
size_t flac_header_length(const uint8_t *data, size_t length);

/* The length of the ID3v2 tag that an MP3 file starts with, or 0. */
size_t mp3_header_length(const uint8_t *data, size_t length);

#endif
