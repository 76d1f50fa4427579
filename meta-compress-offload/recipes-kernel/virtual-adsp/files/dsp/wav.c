// SPDX-License-Identifier: MIT
#include "wav.h"

#include <string.h>

#define FORMAT_PCM 1			/* WAVE_FORMAT_PCM */
#define FORMAT_EXTENSIBLE 0xFFFE	/* WAVE_FORMAT_EXTENSIBLE */

struct wav_header {
	char riff[4];
	uint32_t riff_size;
	char wave[4];
	char fmt[4];
	uint32_t fmt_size;
	uint16_t tag, channels;
	uint32_t rate, bytes_per_second;
	uint16_t frame_bytes, bits;
	uint16_t extension_size, valid_bits;	/* from here on for FORMAT_EXTENSIBLE only */
	uint32_t channel_mask;
	uint8_t subformat[16];
} __attribute__((packed));

struct wav_data {
	char data[4];
	uint32_t size;
};

#define PLAIN_SIZE 36			/* of struct wav_header up to and with the bits */

int wav_write_header(FILE *file, uint32_t rate, uint32_t channels, uint32_t bits, uint64_t data_bytes)
{
	uint32_t width = (bits + 7) / 8;
	int extensible = bits > 16 || channels > 2 || bits % 8;
	size_t size = extensible ? sizeof(struct wav_header) : PLAIN_SIZE;
	/* a longer file is not possible in this format; readers then take all there is */
	uint32_t data_size = data_bytes > UINT32_MAX - 256 ? UINT32_MAX - 256 : (uint32_t)data_bytes;
	struct wav_header header = {
		.riff = "RIFF", .riff_size = (uint32_t)(size + sizeof(struct wav_data) - 8 + data_size),
		.wave = "WAVE", .fmt = "fmt ", .fmt_size = (uint32_t)(size - 20),
		.tag = extensible ? FORMAT_EXTENSIBLE : FORMAT_PCM,
		.channels = (uint16_t)channels, .rate = rate, .bytes_per_second = rate * channels * width,
		.frame_bytes = (uint16_t)(channels * width), .bits = (uint16_t)(width * 8),
		.extension_size = 22, .valid_bits = (uint16_t)bits,
		.channel_mask = channels == 1 ? 0x4 : channels == 2 ? 0x3 : 0,
		/* KSDATAFORMAT_SUBTYPE_PCM */
		.subformat = { 1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71 },
	};
	struct wav_data data = { .data = "data", .size = data_size };

	if (fseek(file, 0, SEEK_SET) < 0 || fwrite(&header, size, 1, file) != 1 ||
	    fwrite(&data, sizeof(data), 1, file) != 1 || fseek(file, 0, SEEK_END) < 0)
		return -1;
	return 0;
}
