/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_CONTROL_H
#define VIRTUAL_ADSP_CONTROL_H

#include <stdio.h>

/* Unix stream socket that takes commands, one a line, and answers each with one line of JSON. See main.c's help. */

/* Returns 0, or -1 with errno set. A socket file that nobody listens on is replaced. */
int control_open(const char *path);
void control_close(void);

/*
 * The other end: sends one command to the program that listens on @path, and writes its answer to @out.
 * Returns 0 if the command was done, 1 if it was refused, or -1 with errno set.
 */
int control_send(const char *path, const char *command, FILE *out);

#endif
