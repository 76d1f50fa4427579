// SPDX-License-Identifier: MIT
#include "garbage.h"

#include <errno.h>
#include <string.h>

#include "apr.h"
#include "log.h"
#include "transport.h"

#include "virtual-adsp.h"

#define SAMPLES_MAX 64
#define SAMPLE_MAX 256			/* answers are no longer: apr.c */
#define ROOM (VIRTUAL_ADSP_MAX_PACKET + 64)

struct sample {
	uint16_t length;
	uint8_t packet[SAMPLE_MAX];
};

static struct sample samples[SAMPLES_MAX];
static unsigned int sample_count;
static uint64_t state;

/* splitmix64 (Steele, Lea, Flood 2014): good from any seed on. */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

static uint32_t below(uint32_t limit)
{
	return (uint32_t)(draw() % limit);
}

/* A basic answer tells in its payload to which command it belongs. */
static bool same_kind(const struct sample *sample, const uint8_t *packet, size_t length)
{
	struct apr_header one, other;

	memcpy(&one, sample->packet, sizeof(one));
	memcpy(&other, packet, sizeof(other));
	return one.opcode == other.opcode && one.src_service == other.src_service &&
	       (one.opcode != APR_BASIC_RESPONSE || sample->length != length ||
		!memcmp(sample->packet + sizeof(one), packet + sizeof(one), sizeof(uint32_t)));
}

void garbage_remember(const void *packet, size_t length)
{
	struct sample *sample = samples;

	if (length < sizeof(struct apr_header) + sizeof(uint32_t) || length > SAMPLE_MAX)
		return;
	while (sample < samples + sample_count && !same_kind(sample, packet, length))
		sample++;
	if (sample == samples + SAMPLES_MAX)
		return;
	if (sample == samples + sample_count)
		sample_count++;
	sample->length = (uint16_t)length;
	memcpy(sample->packet, packet, length);
}

/* Numbers at which arithmetic goes wrong, and any others. */
static uint32_t number(void)
{
	switch (below(6)) {
	case 0:
		return below(16);
	case 1:
		return 1u << below(32);
	case 2:
		return UINT32_MAX - below(16);
	case 3:
		return below(16) << 8 | below(16);	/* the session and direction in tokens */
	case 4:
		return below(1u << 16) << 16 | below(256);
	default:
		return (uint32_t)draw();
	}
}

static void damage_header(struct apr_header *header)
{
	struct apr_header other = *header;

	if (sample_count)
		memcpy(&other, samples[below(sample_count)].packet, sizeof(other));
	switch (below(8)) {
	case 0:
		header->field = (uint16_t)draw();
		break;
	case 1:
		header->field = (uint16_t)((header->field & ~0xF0u) | below(16) << 4);	/* the header's size */
		break;
	case 2:
		header->dest_service = below(2) ? other.dest_service : (uint8_t)draw();
		break;
	case 3:
		header->dest_port = (uint16_t)(below(2) ? below(16) << 8 | below(4) : draw());
		break;
	case 4:
		header->opcode = below(4) ? other.opcode : number();
		break;
	case 5:
		header->src_service = (uint8_t)draw();
		header->src_domain = (uint8_t)below(8);
		header->dest_domain = (uint8_t)below(8);
		break;
	case 6:
		header->size = (uint16_t)number();
		break;
	default:
		header->token = number();
		break;
	}
}

/* Changes a word of the payload, cuts the packet, or lengthens it. Returns the new length. */
static size_t damage_payload(uint8_t *packet, size_t length)
{
	size_t place = sizeof(struct apr_header), to;
	uint32_t word = number();

	switch (below(3)) {
	case 0:
		if (length < place + sizeof(word))
			return length;
		place += below((uint32_t)(length - place) / 4) * 4;
		memcpy(packet + place, &word, sizeof(word));
		return length;
	case 1:
		return below((uint32_t)length + 1);
	default:
		to = below(8) ? length + below(64) : below(ROOM);
		for (; length < to; length++)
			packet[length] = (uint8_t)draw();
		return to;
	}
}

static size_t make(uint8_t packet[static ROOM])
{
	size_t length = below(ROOM);
	struct apr_header header;

	if (sample_count && below(16)) {
		const struct sample *sample = &samples[below(sample_count)];

		length = sample->length;
		memcpy(packet, sample->packet, length);
	} else {
		for (size_t i = 0; i < length; i++)
			packet[i] = (uint8_t)draw();
	}
	/* else the first rule that a packet breaks is the only one that is tested */
	for (unsigned int damages = below(4); damages; damages--) {
		if (below(2) || length < sizeof(header)) {
			length = damage_payload(packet, length);
			if (length >= sizeof(header) && below(8)) {
				const uint16_t size = (uint16_t)length;

				memcpy(packet + offsetof(struct apr_header, size), &size, sizeof(size));
			}
			continue;
		}
		memcpy(&header, packet, sizeof(header));
		damage_header(&header);
		memcpy(packet, &header, sizeof(header));
	}
	return length;
}

uint64_t garbage_send(uint64_t seed)
{
	static uint8_t packet[ROOM];
	const char *allowed;

	state = seed;
	for (int i = 0; i < GARBAGE_BURST; i++) {
		size_t length = make(packet);
		bool sent = transport_send(packet, length) == 0;

		if (sent != transport_takes(length) && errno != ENOTCONN && errno != ENOMEM)
			log_line("garbage: a packet of %zu bytes is %s", length, sent ? "taken" : strerror(errno));
	}
	allowed = transport_misuse(draw());
	if (allowed)
		log_line("garbage: the bridge allows %s", allowed);
	return state;
}
