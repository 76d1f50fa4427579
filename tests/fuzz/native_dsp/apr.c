// SPDX-License-Identifier: MIT
/*
 * The kernel's side of the APR link gone mad: any packets, in any order, at any time. A case is
 *   u16 size of the memory at the end of the case, then steps, each of one byte and what it wants:
 *   0-2 a command: u8 service, u8 port, u8 opcode, u8 payload's size, payload
 *   3   a write:   u8 port, u16 address, u16 length
 *   4   a packet:  u8 size, bytes
 *   5   time:      u16 ms
 *   6   a fault:   u8 size, text
 */
#include <stdio.h>
#include <string.h>

#include "adm.h"
#include "afe.h"
#include "apr.h"
#include "asm.h"
#include "clock.h"
#include "fault.h"
#include "world.h"

#define TURNS_MAX 1000000		/* of the model's main loop in a case; more is a loop without end */
#define TIME_STEPS_MAX 8
#define CMD_WRITE 0x00010DAB		/* ASM_DATA_CMD_WRITE_V2 */

/* What the kernel sends; sources: q6core.c, q6afe.c, q6asm.c, q6adm.c. */
static const uint32_t opcodes[] = {
	0x00010DB3, 0x00010D98, 0x00010D92, 0x00010DAA, CMD_WRITE, 0x00010BDB, 0x00010BCD, 0x00010BCE, 0x00010BD3,
	0x00010D67, 0x00010D68, 0x00010D94, 0x00010DEC, 0x00010D9D, 0x00010DB4, 0x0001290B, 0x0001290C, 0x000100E5,
	0x000100E6, 0x000100EF, 0x000100F3, 0x000100F4, 0x000100F6, 0x00010325, 0x00010326, 0x00010327, 0x0001292C,
};
static const uint16_t ports[] = { 0x101, 0x102, 0x201, 0x801, 0, 0x100, 0x103, 0x901, 0xFFFF };
static const uint8_t services[] = { APR_SERVICE_ASM, APR_SERVICE_ADM, APR_SERVICE_AFE, APR_SERVICE_CORE, 0, 0xFF };

static const uint8_t *next, *end;
static unsigned int turns;
static uint64_t now;

static uint32_t take(size_t size)
{
	uint32_t value = 0;

	if ((size_t)(end - next) < size)
		size = (size_t)(end - next);
	memcpy(&value, next, size);
	next += size;
	return value;
}

static const uint8_t *take_bytes(size_t *size)
{
	const uint8_t *bytes = next;

	if (*size > (size_t)(end - next))
		*size = (size_t)(end - next);
	next += *size;
	return bytes;
}

static void send(uint8_t service, uint16_t port, uint32_t opcode, const void *payload, size_t size)
{
	struct apr_header header = {
		.field = 0x250, .size = (uint16_t)(sizeof(header) + size), .src_service = service, .src_domain = 5,
		.src_port = port, .dest_service = service, .dest_domain = 4, .dest_port = port,
		.token = port >> 8, .opcode = opcode,
	};
	uint8_t packet[sizeof(header) + 256];

	memcpy(packet, &header, sizeof(header));
	if (size)
		memcpy(packet + sizeof(header), payload, size);
	apr_dispatch(packet, sizeof(header) + size);
}

/* The main loop of main.c until @until: from one deadline to the next. */
static void run(uint64_t until)
{
	for (;;) {
		uint64_t faults, deadline;

		world_check(++turns < TURNS_MAX, "the DSP turns for ever");
		world_set_time(now);
		fault_advance(now);
		asm_advance(now);
		faults = fault_deadline();
		deadline = asm_deadline();
		if (faults < deadline)
			deadline = faults;
		if (deadline <= now)
			continue;
		if (now == until)
			return;
		now = deadline < until ? deadline : until;
	}
}

static void step(void)
{
	static unsigned int time_steps;
	char text[257];
	size_t size;
	uint8_t service, kind = (uint8_t)take(1) % 7;
	uint16_t port;
	uint32_t opcode;

	if (turns == 0)
		time_steps = 0;
	switch (kind) {
	case 3: {
		uint32_t write[8] = { 0 };

		port = ports[take(1) % (sizeof(ports) / sizeof(ports[0]))];
		write[0] = take(2);
		write[2] = world_handle();
		write[3] = take(2);
		send(APR_SERVICE_ASM, port, CMD_WRITE, write, sizeof(write));
		break;
	}
	case 4: {
		const uint8_t *packet;

		size = take(1);
		packet = take_bytes(&size);
		apr_dispatch(packet, size);
		break;
	}
	case 5:
		if (time_steps++ < TIME_STEPS_MAX)
			run(now + take(2) * NS_PER_MS);
		break;
	case 6: {
		const uint8_t *order;
		const char *why;

		size = take(1);
		order = take_bytes(&size);
		memcpy(text, order, size);
		text[size] = 0;
		fault_add(text, &why);
		break;
	}
	default:
		service = services[take(1) % sizeof(services)];
		port = ports[take(1) % (sizeof(ports) / sizeof(ports[0]))];
		opcode = opcodes[take(1) % (sizeof(opcodes) / sizeof(opcodes[0]))];
		size = take(1);
		{
			const uint8_t *payload = take_bytes(&size);

			send(service, port, opcode, payload, size);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t memory;
	FILE *out;

	if (size < 2)
		return 0;
	next = data;
	end = data + size;
	memory = take(2);
	if (memory > size - 2)
		memory = size - 2;
	end -= memory;
	world_set_memory(end, memory);
	now = NS_PER_S;
	turns = 0;
	world_set_time(now);
	asm_open();
	while (next < end) {
		step();
		run(now);
	}
	out = fopen("/dev/null", "w");
	asm_print(out);
	adm_print(out);
	afe_print(out);
	fault_print(out);
	fclose(out);
	fault_clear();
	run(now);
	asm_reset("The case is over.");
	adm_reset();
	afe_reset();
	fault_drop_answers();
	return 0;
}
