// SPDX-License-Identifier: MIT
#include "fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asm.h"
#include "clock.h"
#include "domain.h"
#include "garbage.h"
#include "holdback.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "transport.h"

#define FAULTS_MAX 64
#define TEXT_MAX 160
#define CUT_MAX 64			/* bytes of payload that a shortened answer has at most */
#define NUMBER_MAX INT32_MAX
/* An answer that changes places with the next goes nevertheless, if nothing else is asked for so long. */
#define SWAP_PATIENCE_MS 100

enum when { AT_TIME, AT_BYTE, AT_COMMAND };

enum what {
	CRASH, DOMAIN_RESTART, CLOCK_STOP, CLOCK_RUN, CLOCK_BACK, CLOCK_JUMP, GARBAGE,
	PACKET, NO_MEMORY,							/* strike at once */
	STATUS,									/* strikes a command */
	LOSE, LATE, TWICE, SWAP, CUT,						/* strike an answer */
};

struct fault {
	unsigned int number;		/* 0: this place is free */
	char text[TEXT_MAX];

	enum when when;
	uint64_t at;			/* ns of the clock, bytes or commands */
	bool onwards;			/* at this command and at every later one */
	uint32_t opcode;
	uint64_t seen;			/* bytes or commands since the order */
	bool armed;			/* its moment has come: it strikes the next command or answer */

	enum what what;
	int64_t value;			/* ms, the status, the seed, or bytes */
	unsigned int struck;		/* how often */
};

static struct fault faults[FAULTS_MAX];
static unsigned int last_number;

#define FOR_EACH(fault) for (struct fault *fault = faults; fault < faults + FAULTS_MAX; fault++) if (fault->number)

static bool spent(const struct fault *fault)
{
	return fault->struck && !fault->onwards;
}

static bool of_answers(const struct fault *fault)
{
	return fault->what >= LOSE;
}

/* --- reading --- */

static bool number(const char *text, int64_t min, int64_t max, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 0);
	return !errno && end != text && !*end && *value >= min && *value <= max;
}

/* What follows @name and a colon in @text, or NULL. */
static const char *after(const char *text, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(text, name, length) && text[length] == ':' ? text + length + 1 : NULL;
}

/* The bytes that @text has in hexadecimal digits, at most TEXT_MAX / 2; 0 where it has anything else. */
static size_t read_packet(const char *text, uint8_t packet[static TEXT_MAX / 2])
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	if (text[digits] || digits % 2 || digits / 2 > TEXT_MAX / 2)
		return 0;
	for (size_t i = 0; i < digits / 2; i++) {
		const char byte[] = { text[2 * i], text[2 * i + 1], 0 };

		packet[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return digits / 2;
}

static bool read_opcode(struct fault *fault, const char *name)
{
	int64_t opcode;

	fault->opcode = asm_opcode(name);
	if (fault->opcode)
		return true;
	if (!number(name, 1, UINT32_MAX, &opcode))
		return false;
	fault->opcode = (uint32_t)opcode;
	return true;
}

static bool read_when(struct fault *fault, char *text)
{
	const char *argument;
	int64_t value;
	char *count;

	if (!strcmp(text, "now")) {
		fault->when = AT_TIME;
		fault->at = clock_now();
		return true;
	}
	if ((argument = after(text, "ms"))) {
		fault->when = AT_TIME;
		if (!number(argument, 0, NUMBER_MAX, &value))
			return false;
		fault->at = clock_now() + (uint64_t)value * NS_PER_MS;
		return true;
	}
	if ((argument = after(text, "byte"))) {
		fault->when = AT_BYTE;
		if (!number(argument, 1, INT64_MAX, &value))
			return false;
		fault->at = (uint64_t)value;
		return true;
	}
	count = strchr(text, ':');
	if (!count || !count[1])
		return false;
	*count++ = 0;
	if (count[strlen(count) - 1] == '+') {
		fault->onwards = true;
		count[strlen(count) - 1] = 0;
	}
	fault->when = AT_COMMAND;
	if (!number(count, 1, NUMBER_MAX, &value) || !read_opcode(fault, text))
		return false;
	fault->at = (uint64_t)value;
	return true;
}

static bool read_what(struct fault *fault, const char *text)
{
	static const struct {
		const char *name;
		enum what what;
	} words[] = {
		{ "crash", CRASH }, { "pd-restart", DOMAIN_RESTART }, { "no-memory", NO_MEMORY },
		{ "lose", LOSE }, { "twice", TWICE }, { "swap", SWAP },
		{ "clock:stop", CLOCK_STOP }, { "clock:run", CLOCK_RUN }, { "clock:back", CLOCK_BACK },
	};
	const char *argument;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i].name)) {
			fault->what = words[i].what;
			return true;
		}
	}
	if ((argument = after(text, "late"))) {
		fault->what = LATE;
		return number(argument, 0, NUMBER_MAX, &fault->value);
	}
	if ((argument = after(text, "status"))) {
		fault->what = STATUS;
		return number(argument, 1, UINT32_MAX, &fault->value);
	}
	if ((argument = after(text, "garbage"))) {
		fault->what = GARBAGE;
		return number(argument, 0, INT64_MAX, &fault->value);
	}
	if ((argument = after(text, "packet"))) {
		uint8_t packet[TEXT_MAX / 2];

		fault->what = PACKET;
		return read_packet(argument, packet) > 0;
	}
	if ((argument = after(text, "cut"))) {
		fault->what = CUT;
		return number(argument, 1, CUT_MAX, &fault->value);	/* none: the APR driver drops it */
	}
	if ((argument = after(text, "clock"))) {
		fault->what = CLOCK_JUMP;
		return number(argument, -NUMBER_MAX, NUMBER_MAX, &fault->value);
	}
	return false;
}

unsigned int fault_add(const char *text, const char **why)
{
	struct fault fault = { 0 }, *place = NULL;
	char words[TEXT_MAX], *what;

	if (strlen(text) >= sizeof(words)) {
		*why = "That is too long for a fault.";
		return 0;
	}
	strcpy(words, text);
	what = strchr(words, ' ');
	if (!what) {
		*why = "A fault is WHEN and WHAT, with a space between.";
		return 0;
	}
	*what++ = 0;
	if (!read_when(&fault, words)) {
		*why = "WHEN is now, ms:N, byte:N, COMMAND:K or COMMAND:K+.";
		return 0;
	}
	if (!read_what(&fault, what)) {
		*why = "WHAT is crash, pd-restart, lose, late:MS, twice, swap, status:N, cut:N, packet:HEX, garbage:SEED, "
		       "no-memory or clock:stop|run|back|MS.";
		return 0;
	}
	/* a free place, or that of the oldest fault that is spent */
	for (struct fault *other = faults; other < faults + FAULTS_MAX; other++)
		if ((!other->number || spent(other)) && (!place || other->number < place->number))
			place = other;
	if (!place) {
		*why = "There are too many faults that have not struck yet; clear them.";
		return 0;
	}
	fault.number = ++last_number;
	strcpy(fault.text, text);
	*place = fault;
	return fault.number;
}

void fault_print(FILE *out)
{
	const char *separator = "";

	fputc('[', out);
	FOR_EACH(fault) {
		fprintf(out, "%s{\"fault\":%u,\"order\":", separator, fault->number);
		json_string(fault->text, out);
		fprintf(out, ",\"struck\":%u}", fault->struck);
		separator = ",";
	}
	fputc(']', out);
}

/* --- striking --- */

static void count(struct fault *fault)
{
	fault->struck++;
	fault->armed = false;
	log_line("fault %u strikes: %s", fault->number, fault->text);
}

static void send_packet(const struct fault *fault)
{
	uint8_t packet[TEXT_MAX / 2];
	size_t length = read_packet(strrchr(fault->text, ':') + 1, packet);

	if (transport_send(packet, length) < 0)
		log_line("fault %u: packet not sent: %s", fault->number, strerror(errno));
}

/* The fault's moment has come. */
static void reach(struct fault *fault)
{
	fault->armed = true;
	if (fault->what >= STATUS)
		return;
	count(fault);
	switch (fault->what) {
	case CRASH:
		domain_crash();
		break;
	case DOMAIN_RESTART:
		domain_restart();
		break;
	case CLOCK_STOP:
		asm_run_clock(false);
		break;
	case CLOCK_RUN:
		asm_run_clock(true);
		break;
	case CLOCK_BACK:
		asm_turn_clock_back();
		break;
	case GARBAGE:
		fault->value = (int64_t)garbage_send((uint64_t)fault->value);
		break;
	case NO_MEMORY:
		if (transport_refuse_memory(true) < 0)
			log_line("the kernel's memory cannot be refused: %s", strerror(errno));
		break;
	case PACKET:
		send_packet(fault);
		break;
	default:
		asm_jump_clock(fault->value * 1000);
	}
}

/* One more command, or answer to one: whether that is what the fault waits for. */
static bool one_more(struct fault *fault, uint32_t opcode)
{
	if (fault->when != AT_COMMAND || fault->opcode != opcode || spent(fault))
		return false;
	fault->seen++;
	return fault->seen == fault->at || (fault->onwards && fault->seen > fault->at);
}

bool fault_command(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	uint32_t bytes = asm_bytes_written(command, payload, size);
	const struct fault *refuses = NULL;

	FOR_EACH(fault) {
		if (fault->when == AT_BYTE && fault->seen < fault->at) {
			fault->seen += bytes;
			if (fault->seen >= fault->at)
				reach(fault);
		} else if (!of_answers(fault) && one_more(fault, command->opcode)) {
			reach(fault);
		}
		if (fault->what == STATUS && fault->armed && !refuses) {
			count(fault);
			refuses = fault;
		}
	}
	if (loop_quitting() >= 0)
		return true;
	if (refuses)
		asm_refuse(command, payload, size, (uint32_t)refuses->value);
	return refuses != NULL;
}

/* The first @size bytes of the payload; the header says so. */
static int send_cut(const void *packet, size_t length, size_t size)
{
	uint8_t rest[sizeof(struct apr_header) + CUT_MAX];
	const uint16_t left = (uint16_t)(sizeof(struct apr_header) + size);

	if (length <= left)
		return transport_send(packet, length);
	memcpy(rest, packet, left);
	memcpy(rest + offsetof(struct apr_header, size), &left, sizeof(left));
	return transport_send(rest, left);
}

int fault_answer(const struct apr_header *command, const void *packet, size_t length)
{
	const struct fault *strikes = NULL;

	FOR_EACH(fault) {
		if (!of_answers(fault))
			continue;
		if (one_more(fault, command->opcode))
			reach(fault);
		if (fault->armed && !strikes) {
			count(fault);
			strikes = fault;
		}
	}
	if (strikes && strikes->what == LOSE)
		return 0;
	if (strikes && strikes->what == LATE)
		return holdback_until(clock_now() + (uint64_t)strikes->value * NS_PER_MS, packet, length);
	if (strikes && strikes->what == SWAP)
		return holdback_until_next(clock_now() + SWAP_PATIENCE_MS * NS_PER_MS, packet, length);
	if (strikes && strikes->what == CUT)
		return send_cut(packet, length, (size_t)strikes->value) < 0 ? -1 : holdback_sent();
	if (transport_send(packet, length) < 0)
		return -1;
	if (strikes && transport_send(packet, length) < 0)	/* TWICE */
		return -1;
	return holdback_sent();
}

void fault_advance(uint64_t now)
{
	FOR_EACH(fault)
		if (fault->when == AT_TIME && !fault->armed && !spent(fault) && fault->at <= now)
			reach(fault);
	holdback_advance(now);
}

uint64_t fault_deadline(void)
{
	uint64_t deadline = holdback_deadline();

	FOR_EACH(fault)
		if (fault->when == AT_TIME && !fault->armed && !spent(fault) && fault->at < deadline)
			deadline = fault->at;
	return deadline;
}

void fault_drop_answers(void)
{
	holdback_drop();
}

void fault_clear(void)
{
	memset(faults, 0, sizeof(faults));
	transport_refuse_memory(false);		/* fails where it could not be refused, either */
	holdback_advance(CLOCK_NEVER);
	asm_run_clock(true);
}
