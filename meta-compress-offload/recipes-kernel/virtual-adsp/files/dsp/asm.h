/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_ASM_H
#define VIRTUAL_ADSP_ASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "apr.h"

/* The audio stream manager: sessions, each with one or two streams (two for gapless playback). */

void asm_open(void);
/* How much faster than nominal all streams are rendered from now on, in parts per million; at most +-100000. */
void asm_set_skew(int ppm);
/* Advances all streams by what is due at @now (ns) and a limited amount of decoding. */
void asm_advance(uint64_t now);
/* When to advance next, ns of clock_now(); 0: at once; CLOCK_NEVER. */
uint64_t asm_deadline(void);
/* Ends all streams and forgets all mappings. @why: a sentence for the recordings. */
void asm_reset(const char *why);
/* The command of that name, e.g. "write"; 0: there is none. */
uint32_t asm_opcode(const char *name);
/* Bytes of audio that @command writes; 0 for all other commands. */
uint32_t asm_bytes_written(const struct apr_header *command, const uint8_t *payload, size_t size);
/* Answers @command, of any service, with @status, and does nothing of it. */
void asm_refuse(const struct apr_header *command, const uint8_t *payload, size_t size, uint32_t status);

/* The clock fails. Stopped, nothing is rendered; run again, it is right in all respects. */
void asm_run_clock(bool run);
/* What is rendered stays the same, but the session time that the kernel is told is @us later from now on, */
void asm_jump_clock(int64_t us);
/* or goes backwards from now on. */
void asm_turn_clock_back(void);

/* Writes a JSON list with the stream.json object of each open stream. */
void asm_print(FILE *out);

#endif
