// SPDX-License-Identifier: MIT
/*
 * Clock socket (option --clock-fd, for unit tests): the peer sends the time (u64, ns) up to which it allows the clock
 * to run. The DSP takes in all APR packets that were sent before, moves its clock to its own next deadline or to that
 * time, whichever is earlier, does what is due, and answers with the time reached (u64, ns). All packets caused by the
 * step are out before the answer. Repeated steps thus show every deadline, with nothing left to chance.
 */
#include "clock.h"

#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

uint64_t (*clock_settle)(void);

static struct loop_source source;
static int stepped;
static uint64_t stepped_now = NS_PER_S;
static uint64_t armed = CLOCK_NEVER;	/* what the timer is set to; 0: it has to be set anew */

uint64_t clock_now(void)
{
	struct timespec now;

	if (stepped)
		return stepped_now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_us(void)
{
	return clock_now() / 1000;
}

static void timer_ready(struct loop_source *timer)
{
	(void)timer;
	/*
	 * The work itself is done once per turn of the main loop, which then sets the timer anew: that also takes back
	 * that it has expired, so there is no need to read it.
	 */
	armed = 0;
}

static void step_ready(struct loop_source *socket)
{
	uint64_t until, next;
	ssize_t length = recv(socket->fd, &until, sizeof(until), MSG_DONTWAIT);

	if (length == 0) {
		loop_remove(socket);
		return;
	}
	if (length != sizeof(until))
		return;
	next = clock_settle();
	if (next < until)
		until = next;
	if (until > stepped_now)
		stepped_now = until;
	clock_settle();
	if (send(socket->fd, &stepped_now, sizeof(stepped_now), MSG_NOSIGNAL) != sizeof(stepped_now))
		log_line("clock socket: the answer could not be sent");
}

int clock_open(int clock_fd)
{
	if (clock_fd >= 0) {
		stepped = 1;
		source = (struct loop_source){ .fd = clock_fd, .ready = step_ready };
	} else {
		int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

		if (timer < 0)
			return -1;
		source = (struct loop_source){ .fd = timer, .ready = timer_ready };
	}
	return loop_add(&source);
}

void clock_wake_at(uint64_t deadline)
{
	struct itimerspec timer = { 0 };

	if (stepped || deadline == armed)
		return;
	armed = deadline;
	if (deadline != CLOCK_NEVER) {
		timer.it_value.tv_sec = (time_t)(deadline / NS_PER_S);
		timer.it_value.tv_nsec = (long)(deadline % NS_PER_S);
	}
	timerfd_settime(source.fd, TFD_TIMER_ABSTIME, &timer, NULL);
}
