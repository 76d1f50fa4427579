/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_WAV_H
#define VIRTUAL_ADSP_WAV_H

#include <stdint.h>
#include <stdio.h>

/*
 * Writes the header of a WAV file at the start of @file and returns to its end. WAVE_FORMAT_EXTENSIBLE above 16 bits
 * or two channels, as Microsoft's mmreg.h demands.
 * @bits: significant bits of a sample of (bits + 7) / 8 bytes.
 * @data_bytes: bytes of samples that follow.
 * Returns 0, or -1 with errno set.
 */
int wav_write_header(FILE *file, uint32_t rate, uint32_t channels, uint32_t bits, uint64_t data_bytes);

#endif
