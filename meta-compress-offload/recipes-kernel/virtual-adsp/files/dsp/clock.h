/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_CLOCK_H
#define VIRTUAL_ADSP_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX
#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

/*
 * The DSP's time in nanoseconds. Normally CLOCK_MONOTONIC of the guest; with a clock socket (unit tests) it stands
 * still and is moved by the peer, so that tests are exact and take no real time.
 */
uint64_t clock_now(void);
/* The same in microseconds, the unit of the recordings. */
uint64_t clock_now_us(void);

/* @clock_fd: the test's socket, or -1 for CLOCK_MONOTONIC. Returns 0, or -1 with errno set. */
int clock_open(int clock_fd);
/* The loop wakes up at @deadline (ns); CLOCK_NEVER: only for other events. */
void clock_wake_at(uint64_t deadline);

/*
 * For a clock socket: does all work that is due now and returns the next deadline.
 * Set by main(), because the clock does not know what the work is.
 */
extern uint64_t (*clock_settle)(void);

#endif
