// SPDX-License-Identifier: MIT
#include "holdback.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "transport.h"

/* Nobody sends so many commands without answers; it keeps the list from growing for ever. */
#define HELD_MAX 1024

struct held {
	struct held *next;
	uint64_t due;
	bool until_next;		/* or when another packet is sent */
	size_t length;
	uint8_t packet[];
};

/* In the order of their time; those of the same time in the order in which they came. */
static struct held *first;
static unsigned int held_count;

static int hold(uint64_t due, bool until_next, const void *packet, size_t length)
{
	struct held **place = &first, *held;

	if (held_count == HELD_MAX) {
		errno = ENOBUFS;
		return -1;
	}
	held = malloc(sizeof(*held) + length);
	if (!held)
		return -1;
	held->due = due;
	held->until_next = until_next;
	held->length = length;
	memcpy(held->packet, packet, length);
	while (*place && (*place)->due <= due)
		place = &(*place)->next;
	held->next = *place;
	*place = held;
	held_count++;
	return 0;
}

int holdback_until(uint64_t due, const void *packet, size_t length)
{
	return hold(due, false, packet, length);
}

int holdback_until_next(uint64_t due, const void *packet, size_t length)
{
	return hold(due, true, packet, length);
}

static struct held *unlink_held(struct held **place)
{
	struct held *held = *place;

	*place = held->next;
	held_count--;
	return held;
}

static int send_held(struct held **place)
{
	struct held *held = unlink_held(place);
	int result = transport_send(held->packet, held->length);

	if (result < 0)
		log_line("an answer that was held back is not sent: %s", strerror(errno));
	free(held);
	return result;
}

int holdback_sent(void)
{
	struct held **place = &first;
	int result = 0;

	while (*place) {
		if (!(*place)->until_next)
			place = &(*place)->next;
		else if (send_held(place) < 0)
			result = -1;
	}
	return result;
}

void holdback_advance(uint64_t now)
{
	while (first && first->due <= now) {
		send_held(&first);
		holdback_sent();
	}
}

uint64_t holdback_deadline(void)
{
	return first ? first->due : CLOCK_NEVER;
}

void holdback_drop(void)
{
	while (first)
		free(unlink_held(&first));
}
