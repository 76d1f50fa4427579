/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_HOLDBACK_H
#define VIRTUAL_ADSP_HOLDBACK_H

#include <stddef.h>
#include <stdint.h>

/* Answers that are not sent yet: packets for the kernel, with the moment at which each may go. */

/* Keeps @packet until @due (ns). Returns 0, or -1 with errno set. */
int holdback_until(uint64_t due, const void *packet, size_t length);
/* Keeps @packet until another one is sent, at the latest until @due (ns). Returns 0, or -1 with errno set. */
int holdback_until_next(uint64_t due, const void *packet, size_t length);

/* Another packet was sent: those that waited for it follow. Returns 0, or -1 with errno set. */
int holdback_sent(void);
/* Sends what is due at @now, the earliest first; at CLOCK_NEVER, everything. */
void holdback_advance(uint64_t now);
/* When the next packet is due; CLOCK_NEVER. */
uint64_t holdback_deadline(void);
/* Forgets all packets. */
void holdback_drop(void);

#endif
