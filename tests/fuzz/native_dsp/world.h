/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stddef.h>
#include <stdint.h>

/* The world of the DSP model under fire: a clock, the memory of the kernel, and what the model sends. */

/* The fuzzer's entry: one case. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the kernel shares: addresses 0 to @size. */
void world_set_memory(const uint8_t *data, size_t size);
/* Moves the clock; nothing else happens. */
void world_set_time(uint64_t ns);
/* The handle in the last answer to a mapping. */
uint32_t world_handle(void);

/* Reads all of @data, so that the sanitizer looks at it. */
void world_read(const void *data, size_t size);

/* Ends the program with @why, as a crash, where @good is false. */
void world_check(int good, const char *why);

#endif
