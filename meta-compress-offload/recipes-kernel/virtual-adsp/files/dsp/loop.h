/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_LOOP_H
#define VIRTUAL_ADSP_LOOP_H

/* The one event loop of the program: file descriptors and what to do when they are readable. */
struct loop_source {
	int fd;
	void (*ready)(struct loop_source *source);
};

/* Returns 0, or -1 with errno set. */
int loop_open(void);
/* @source must live until loop_remove(). Returns 0, or -1 with errno set. */
int loop_add(struct loop_source *source);
void loop_remove(struct loop_source *source);
/*
 * Handles what is ready. @wait: sleep until something is, else only look.
 * Returns 0, or -1 with errno set.
 */
int loop_once(int wait);
/* Makes the program leave its main loop with @status. */
void loop_quit(int status);
/* The status given to loop_quit(), or -1 as long as the loop is to go on. */
int loop_quitting(void);

#endif
