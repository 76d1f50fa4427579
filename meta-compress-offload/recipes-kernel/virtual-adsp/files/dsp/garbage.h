/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_GARBAGE_H
#define VIRTUAL_ADSP_GARBAGE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Firmware gone mad: what it sends are answers that it gave before, damaged, and random bytes; and it misuses the
 * bridge module. For tests of the kernel, which must survive that.
 */

/* Packets of one burst. */
#define GARBAGE_BURST 100

/* @packet was sent; the last one of each kind is kept as a sample. */
void garbage_remember(const void *packet, size_t length);
/*
 * Sends a burst drawn from @seed: the same samples and the same seed make the same packets. Returns the seed of the
 * next burst. What the link takes, or refuses, against its rules is logged.
 */
uint64_t garbage_send(uint64_t seed);

#endif
