/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_CONTROL_H
#define VIRTUAL_ADSP_CONTROL_H

/* Unix stream socket that takes commands, one a line, and answers each with one line of JSON. See main.c's help. */

/* Returns 0, or -1 with errno set. A socket file that nobody listens on is replaced. */
int control_open(const char *path);
void control_close(void);

#endif
