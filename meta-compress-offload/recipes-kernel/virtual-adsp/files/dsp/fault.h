/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_FAULT_H
#define VIRTUAL_ADSP_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "apr.h"

/*
 * Firmware that fails on demand: a fault is a moment and what goes wrong then, in one line of text. See main.c's help.
 * Faults are forgotten with the program: after a crash the firmware is sound again.
 */

/* Takes the fault "WHEN WHAT"; its number (from 1), or 0 with a sentence in @why. */
unsigned int fault_add(const char *text, const char **why);
/* Forgets all faults; answers held back are sent, the clock runs, and there is memory. */
void fault_clear(void);
/* Drops the answers that are held back: those to whom they belong are gone. */
void fault_drop_answers(void);
/* Writes a JSON list of the faults. */
void fault_print(FILE *out);

/* A command has come. Returns true if it is not to be executed: it has then been answered, if it ever will be. */
bool fault_command(const struct apr_header *command, const uint8_t *payload, size_t size);
/* Sends the answer @packet to @command, or does with it what a fault wants. Returns 0, or -1 with errno set. */
int fault_answer(const struct apr_header *command, const void *packet, size_t length);
/* Does what is due at @now (ns). */
void fault_advance(uint64_t now);
/* When to advance next, ns of clock_now(); CLOCK_NEVER. */
uint64_t fault_deadline(void);

#endif
