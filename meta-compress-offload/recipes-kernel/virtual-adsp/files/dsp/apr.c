// SPDX-License-Identifier: MIT
#include "apr.h"

#include <errno.h>
#include <string.h>

#include "fault.h"
#include "garbage.h"
#include "log.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "APR structures are used as they are on the wire");
_Static_assert(sizeof(struct apr_header) == 20, "struct apr_hdr");

/* Answers are small; the longest is the list of service versions. */
#define ANSWER_MAX 128

static bool domain_up = true;

static const struct {
	uint8_t id;
	bool in_audio_domain;	/* qcom,protection-domain in sdm845.dtsi */
	apr_service *command;
} services[] = {
	{ APR_SERVICE_CORE, true, core_command },
	{ APR_SERVICE_AFE, true, afe_command },
	{ APR_SERVICE_ASM, true, asm_command },
	{ APR_SERVICE_ADM, true, adm_command },
};

static void send(const struct apr_header *command, uint16_t type, uint32_t opcode, const void *payload, size_t size)
{
	uint8_t packet[sizeof(struct apr_header) + ANSWER_MAX];
	struct apr_header header = {
		.field = (uint16_t)(type << 8 | (sizeof(header) / 4) << 4),
		.size = (uint16_t)(sizeof(header) + size),
		.src_service = command->dest_service,
		.src_domain = command->dest_domain,
		.src_port = command->dest_port,
		.dest_service = command->src_service,
		.dest_domain = command->src_domain,
		.dest_port = command->src_port,
		.token = command->token,
		.opcode = opcode,
	};

	if (size > ANSWER_MAX) {
		log_line("answer 0x%x of %zu bytes is too long", opcode, size);
		return;
	}
	memcpy(packet, &header, sizeof(header));
	if (size)
		memcpy(packet + sizeof(header), payload, size);
	garbage_remember(packet, sizeof(header) + size);
	if (fault_answer(command, packet, sizeof(header) + size) < 0)
		log_line("answer 0x%x not sent: %s", opcode, strerror(errno));
}

void apr_respond(const struct apr_header *command, uint32_t opcode, const void *payload, size_t size)
{
	send(command, APR_TYPE_RESPONSE, opcode, payload, size);
}

void apr_event(const struct apr_header *command, uint32_t opcode, const void *payload, size_t size)
{
	send(command, APR_TYPE_EVENT, opcode, payload, size);
}

void apr_status(const struct apr_header *command, enum adsp_status status)
{
	const uint32_t result[2] = { command->opcode, status };	/* struct aprv2_ibasic_rsp_result_t */

	if (status != ADSP_EOK)
		log_line("command 0x%x of service %u, port 0x%x: status 0x%x", command->opcode,
			 command->dest_service, command->dest_port, status);
	apr_respond(command, APR_BASIC_RESPONSE, result, sizeof(result));
}

bool apr_payload(const struct apr_header *command, const uint8_t *payload, size_t size,
		 void *structure, size_t structure_size)
{
	if (size < structure_size) {
		log_line("command 0x%x has %zu bytes of payload and needs %zu", command->opcode, size,
			 structure_size);
		apr_status(command, ADSP_EBADPARAM);
		return false;
	}
	memcpy(structure, payload, structure_size);
	return true;
}

void apr_set_domain_up(bool up)
{
	domain_up = up;
}

bool apr_domain_up(void)
{
	return domain_up;
}

void apr_dispatch(const uint8_t *packet, size_t length)
{
	struct apr_header header;
	size_t header_size;

	if (length < sizeof(header)) {
		log_line("packet of %zu bytes is too short for its header", length);
		return;
	}
	memcpy(&header, packet, sizeof(header));
	header_size = (size_t)(header.field >> 4 & 0xF) * 4;
	if (header.size != length || header_size < sizeof(header) || header_size > length) {
		log_line("packet of %zu bytes says %u bytes, header %zu", length, header.size, header_size);
		return;
	}
	if (fault_command(&header, packet + header_size, length - header_size))
		return;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (services[i].id != header.dest_service)
			continue;
		if (services[i].in_audio_domain && !domain_up)
			apr_status(&header, ADSP_ENOTREADY);
		else
			services[i].command(&header, packet + header_size, length - header_size);
		return;
	}
	apr_status(&header, ADSP_EUNSUPPORTED);
}
