// SPDX-License-Identifier: MIT
/* Stands for transport.c, clock.c, record.c, log.c and servreg.c of the DSP model: no files, no sockets, no time. */
#include "world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apr.h"
#include "clock.h"
#include "log.h"
#include "record.h"
#include "servreg.h"
#include "transport.h"

#define RSP_MAP 0x00010D93		/* ASM_CMDRSP_SHARED_MEM_MAP_REGIONS */

static const uint8_t *memory;
static size_t memory_size;
static uint64_t now = NS_PER_S;
static uint32_t handle;

void world_set_memory(const uint8_t *data, size_t size)
{
	memory = data;
	memory_size = size;
}

void world_set_time(uint64_t ns)
{
	now = ns;
}

uint32_t world_handle(void)
{
	return handle;
}

void world_check(int good, const char *why)
{
	if (good)
		return;
	fprintf(stderr, "runtime error: %s\n", why);
	abort();
}

void world_read(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum ^= bytes[i];
	__asm__ volatile("" : : "r"(sum));	/* somebody wants to know */
}

/* Formats as the original does, so that a string without an end is noticed. */
static void format_all(const char *format, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
}

/* --- transport.c --- */

int transport_send(const void *packet, size_t length)
{
	struct apr_header header;

	world_check(length >= sizeof(header), "an answer is shorter than its header");
	memcpy(&header, packet, sizeof(header));
	world_check(header.size == length && (header.field >> 4 & 0xF) * 4 == sizeof(header),
		    "an answer has another size than its header says");
	if (header.opcode == RSP_MAP && length >= sizeof(header) + sizeof(handle))
		memcpy(&handle, (const uint8_t *)packet + sizeof(header), sizeof(handle));
	return 0;
}

bool transport_takes(size_t length)
{
	(void)length;
	return true;
}

const char *transport_misuse(uint64_t random)
{
	(void)random;
	return NULL;
}

int transport_refuse_memory(bool refuse)
{
	(void)refuse;
	return 0;
}

int transport_read_memory(uint64_t address, void *buffer, uint32_t length)
{
	if (address > memory_size || length > memory_size - address) {
		errno = EFAULT;
		return -1;
	}
	memcpy(buffer, memory + address, length);
	return 0;
}

/* --- clock.c --- */

uint64_t (*clock_settle)(void);

uint64_t clock_now(void)
{
	return now;
}

uint64_t clock_now_us(void)
{
	return now / 1000;
}

/* --- log.c, servreg.c --- */

void log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_all(format, args);
	va_end(args);
}

void servreg_announce(bool up, void (*acknowledged)(void))
{
	(void)up;
	if (acknowledged)
		acknowledged();
}

/* --- record.c --- */

void record_open(struct record *record)
{
	record->number = 1;
}

void record_event(struct record *record, const char *event, const char *format, ...)
{
	va_list args;

	(void)record;
	(void)event;
	va_start(args, format);
	format_all(format, args);
	va_end(args);
}

void record_input(struct record *record, const void *data, size_t size)
{
	(void)record;
	world_read(data, size);
}

FILE *record_wav(struct record *record)
{
	(void)record;
	return NULL;
}

void record_wav_wrote(struct record *record, size_t bytes, bool good)
{
	(void)record;
	(void)bytes;
	(void)good;
}

void record_sync(struct record *record)
{
	world_check(record->state != NULL, "a stream without a state");
}

void record_close(struct record *record)
{
	(void)record;
}

void record_error(struct record *record, const char *format, ...)
{
	va_list args;

	if (record->error[0])
		return;
	va_start(args, format);
	vsnprintf(record->error, sizeof(record->error), format, args);
	va_end(args);
}

void record_print(const struct record *record, FILE *out)
{
	media_print(&record->format, out);
}
