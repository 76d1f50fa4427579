// SPDX-License-Identifier: MIT
#include "fifo.h"

#include <stdlib.h>
#include <string.h>

bool fifo_push(struct fifo *fifo, const void *data, size_t size)
{
	size_t end, first;

	if (fifo->room - fifo->level < size) {
		size_t room = 2 * (fifo->level + size), head = fifo->room - fifo->start;
		uint8_t *larger = malloc(room);

		if (!larger)
			return false;
		if (head > fifo->level)
			head = fifo->level;
		if (fifo->level) {
			memcpy(larger, fifo->data + fifo->start, head);
			memcpy(larger + head, fifo->data, fifo->level - head);
		}
		free(fifo->data);
		fifo->data = larger;
		fifo->room = room;
		fifo->start = 0;
	}
	if (!size)
		return true;
	end = (fifo->start + fifo->level) % fifo->room;
	first = fifo->room - end < size ? fifo->room - end : size;
	memcpy(fifo->data + end, data, first);
	memcpy(fifo->data, (const uint8_t *)data + first, size - first);
	fifo->level += size;
	return true;
}

bool fifo_pull(struct fifo *fifo, size_t size, FILE *out)
{
	bool good = true;

	while (size) {
		size_t part = fifo->room - fifo->start < size ? fifo->room - fifo->start : size;

		if (out && fwrite(fifo->data + fifo->start, 1, part, out) != part)
			good = false;
		fifo->start = (fifo->start + part) % fifo->room;
		fifo->level -= part;
		size -= part;
	}
	return good;
}

void fifo_cut(struct fifo *fifo, size_t size)
{
	fifo->level -= size;
}

void fifo_free(struct fifo *fifo)
{
	free(fifo->data);
	*fifo = (struct fifo){ 0 };
}
