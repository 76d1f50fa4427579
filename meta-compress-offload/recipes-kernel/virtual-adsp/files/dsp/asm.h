/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_ASM_H
#define VIRTUAL_ADSP_ASM_H

#include <stdint.h>
#include <stdio.h>

/* The audio stream manager: sessions, each with one or two streams (two for gapless playback). */

/* What becomes of a question for the session time; firmware that cannot tell it is a case to test. */
enum asm_time { ASM_TIME_TELL, ASM_TIME_REFUSE, ASM_TIME_IGNORE };

void asm_open(void);
void asm_set_time(enum asm_time time);
/* How much faster than nominal all streams are rendered from now on, in parts per million; at most +-100000. */
void asm_set_skew(int ppm);
/* Advances all streams by what is due at @now (ns) and a limited amount of decoding. */
void asm_advance(uint64_t now);
/* When to advance next, ns of clock_now(); 0: at once; CLOCK_NEVER. */
uint64_t asm_deadline(void);
/* Ends all streams and forgets all mappings. @why: a sentence for the recordings. */
void asm_reset(const char *why);
/* Writes a JSON list with the stream.json object of each open stream. */
void asm_print(FILE *out);

#endif
