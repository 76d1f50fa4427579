// SPDX-License-Identifier: MIT
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "adm.h"
#include "afe.h"
#include "apr.h"
#include "asm.h"
#include "clock.h"
#include "domain.h"
#include "fault.h"
#include "log.h"
#include "loop.h"

#define CLIENTS_MAX 8
#define LINE_MAX_BYTES 256

#define SKEW_MAX_PPM 100000

struct client {
	struct loop_source source;
	int used;
	size_t length;
	char line[LINE_MAX_BYTES];
};

static struct client clients[CLIENTS_MAX];
static struct loop_source listener = { .fd = -1 };
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static uint64_t cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void status(FILE *out, const char *argument)
{
	(void)argument;
	fprintf(out, "{\"ok\":true,\"now_us\":%llu,\"cpu_us\":%llu,\"audio_domain\":\"%s\"",
		(unsigned long long)clock_now_us(), (unsigned long long)cpu_us(), apr_domain_up() ? "up" : "down");
	fputs(",\"streams\":", out);
	asm_print(out);
	fputs(",\"copps\":", out);
	adm_print(out);
	fputs(",\"ports\":", out);
	afe_print(out);
	fputs("}\n", out);
}

static void pd_restart(FILE *out, const char *argument)
{
	(void)argument;
	domain_restart();
	fputs("{\"ok\":true}\n", out);
}

static void crash(FILE *out, const char *argument)
{
	(void)argument;
	fputs("{\"ok\":true}\n", out);
	domain_crash();
}

static void refuse(FILE *out, const char *why)
{
	fprintf(out, "{\"ok\":false,\"error\":\"%s\"}\n", why);
}

static void skew(FILE *out, const char *argument)
{
	char *end;
	long ppm = strtol(argument, &end, 10);

	if (end == argument || *end || ppm < -SKEW_MAX_PPM || ppm > SKEW_MAX_PPM) {
		refuse(out, "skew wants a number of millionths.");
		return;
	}
	asm_set_skew((int)ppm);
	fputs("{\"ok\":true}\n", out);
}

static void fault(FILE *out, const char *argument)
{
	const char *why;
	unsigned int number = fault_add(argument, &why);

	if (number)
		fprintf(out, "{\"ok\":true,\"fault\":%u}\n", number);
	else
		refuse(out, why);
}

static void faults(FILE *out, const char *argument)
{
	(void)argument;
	fputs("{\"ok\":true,\"faults\":", out);
	fault_print(out);
	fputs("}\n", out);
}

static void no_faults(FILE *out, const char *argument)
{
	(void)argument;
	fault_clear();
	fputs("{\"ok\":true}\n", out);
}

static void list(FILE *out, const char *argument);

static const struct {
	const char *name;
	void (*run)(FILE *out, const char *argument);
} commands[] = {
	{ "status", status },
	{ "skew", skew },
	{ "fault", fault },
	{ "faults", faults },
	{ "no-faults", no_faults },
	{ "pd-restart", pd_restart },
	{ "crash", crash },
	{ "help", list },
};

static void list(FILE *out, const char *argument)
{
	(void)argument;
	fputs("{\"ok\":true,\"commands\":[", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "%s\"%s\"", i ? "," : "", commands[i].name);
	fputs("]}\n", out);
}

static void drop(struct client *client)
{
	loop_remove(&client->source);
	close(client->source.fd);
	client->used = 0;
}

/* Returns 0, or -1 if the client is to be dropped. */
static int run(struct client *client, char *line)
{
	char *answer = NULL, *argument = strchr(line, ' ');
	size_t size = 0, i;
	FILE *out = open_memstream(&answer, &size);
	int result = -1;

	if (!out)
		return -1;
	if (argument)
		*argument++ = 0;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(line, commands[i].name)) {
			commands[i].run(out, argument ? argument : "");
			break;
		}
	}
	if (i == sizeof(commands) / sizeof(commands[0]))
		refuse(out, "There is no such command; try help.");
	/* a client that does not read its answers is not waited for */
	if (!fclose(out) && send(client->source.fd, answer, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
		result = 0;
	free(answer);
	return result;
}

static void client_ready(struct loop_source *source)
{
	struct client *client = (struct client *)source;
	ssize_t got = recv(source->fd, client->line + client->length, sizeof(client->line) - client->length, MSG_DONTWAIT);
	char *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop(client);
		return;
	}
	client->length += (size_t)got;
	while ((end = memchr(client->line, '\n', client->length))) {
		size_t used = (size_t)(end - client->line) + 1;

		*end = 0;
		if (end > client->line && end[-1] == '\r')
			end[-1] = 0;
		if (run(client, client->line) < 0) {
			drop(client);
			return;
		}
		client->length -= used;
		memmove(client->line, client->line + used, client->length);
	}
	if (client->length == sizeof(client->line))
		drop(client);
}

static void listener_ready(struct loop_source *source)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (struct client *client = clients; client < clients + CLIENTS_MAX; client++) {
		if (client->used)
			continue;
		*client = (struct client){ .source = { .fd = fd, .ready = client_ready }, .used = 1 };
		if (loop_add(&client->source) == 0)
			return;
		client->used = 0;
		break;
	}
	close(fd);
}

/* Removes the socket file of a program that is gone. Returns 0, or -1 with errno set: it is alive. */
static int remove_stale(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat file;
	int alive;

	if (fd < 0)
		return -1;
	alive = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	if (alive) {
		errno = EADDRINUSE;
		return -1;
	}
	if (stat(address.sun_path, &file) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(file.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	return unlink(address.sun_path);
}

int control_open(const char *path)
{
	mode_t mask;
	int bound;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	if (remove_stale() < 0)
		return -1;
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	listener.ready = listener_ready;
	if (listener.fd < 0)
		return -1;
	/* who may crash the DSP: its own user only */
	mask = umask(0077);
	bound = bind(listener.fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound < 0 || listen(listener.fd, CLIENTS_MAX) < 0)
		return -1;
	return loop_add(&listener);
}

void control_close(void)
{
	if (listener.fd < 0)
		return;
	for (struct client *client = clients; client < clients + CLIENTS_MAX; client++)
		if (client->used)
			drop(client);
	close(listener.fd);
	unlink(address.sun_path);
}

/* The answer is one line; what is done begins with this. */
#define DONE "{\"ok\":true"

int control_send(const char *path, const char *command, FILE *out)
{
	char *answer = NULL;
	size_t size = 0;
	FILE *link = NULL;
	int fd = -1, result = -1;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || dprintf(fd, "%s\n", command) < 0 ||
	    !(link = fdopen(fd, "r"))) {
		close(fd);
		return -1;
	}
	if (getline(&answer, &size, link) > 0) {
		fputs(answer, out);
		result = strncmp(answer, DONE, strlen(DONE)) ? 1 : 0;
	} else {
		errno = EPIPE;
	}
	free(answer);
	fclose(link);
	return result;
}
