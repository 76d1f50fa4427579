// SPDX-License-Identifier: MIT
#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

#define EVENTS_AT_ONCE 16

static int epoll_fd = -1;
static int quit_status = -1;
static struct epoll_event events[EVENTS_AT_ONCE];
static int event_count;

int loop_open(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -1 : 0;
}

int loop_add(struct loop_source *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->fd, &event);
}

void loop_remove(struct loop_source *source)
{
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	/* its owner may free it now, while loop_once() still has an event for it */
	for (int i = 0; i < event_count; i++)
		if (events[i].data.ptr == source)
			events[i].data.ptr = NULL;
}

int loop_once(int wait)
{
	event_count = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, wait ? -1 : 0);
	if (event_count < 0) {
		event_count = 0;
		return errno == EINTR ? 0 : -1;
	}
	for (int i = 0; i < event_count; i++) {
		struct loop_source *source = events[i].data.ptr;

		if (source)
			source->ready(source);
	}
	event_count = 0;
	return 0;
}

void loop_quit(int status)
{
	if (quit_status < 0)
		quit_status = status;
}

int loop_quitting(void)
{
	return quit_status;
}
