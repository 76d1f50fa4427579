/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_FIFO_H
#define VIRTUAL_ADSP_FIFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Decoded bytes that wait to be rendered. Zero-initialised is empty. */
struct fifo {
	uint8_t *data;
	size_t room, start, level;	/* bytes */
};

/* Returns false if there is no memory. */
bool fifo_push(struct fifo *fifo, const void *data, size_t size);
/* Takes @size bytes (at most the level) from the front; to @out if that is not NULL. Returns false if that fails. */
bool fifo_pull(struct fifo *fifo, size_t size, FILE *out);
/* Takes @size bytes (at most the level) from the end. */
void fifo_cut(struct fifo *fifo, size_t size);
void fifo_free(struct fifo *fifo);

#endif
