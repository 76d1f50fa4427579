/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_APR_H
#define VIRTUAL_ADSP_APR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Asynchronous packet router: the messages between the application processor and the ADSP.
 * Layout and numbers: Linux include/linux/soc/qcom/apr.h and include/dt-bindings/soc/qcom,apr.h.
 */

struct apr_header {			/* struct apr_hdr */
	uint16_t field;			/* version 0:3, header size in words 4:7, type 8:9 */
	uint16_t size;			/* of the whole packet, bytes */
	uint8_t src_service;
	uint8_t src_domain;
	uint16_t src_port;
	uint8_t dest_service;
	uint8_t dest_domain;
	uint16_t dest_port;
	uint32_t token;
	uint32_t opcode;
} __attribute__((packed));

#define APR_PACKET_MAX		65535	/* apr_hdr.pkt_size is a u16 */

#define APR_TYPE_EVENT		0	/* APR_MSG_TYPE_EVENT */
#define APR_TYPE_RESPONSE	1	/* APR_MSG_TYPE_CMD_RSP */

#define APR_BASIC_RESPONSE	0x000110E8	/* APR_BASIC_RSP_RESULT */

#define APR_SERVICE_CORE	3	/* APR_SVC_ADSP_CORE */
#define APR_SERVICE_AFE		4	/* APR_SVC_AFE */
#define APR_SERVICE_ASM		7	/* APR_SVC_ASM */
#define APR_SERVICE_ADM		8	/* APR_SVC_ADM */

/* Status words: Linux sound/soc/qcom/qdsp6/q6dsp-errno.h */
enum adsp_status {
	ADSP_EOK = 0x00,
	ADSP_EFAILED = 0x01,
	ADSP_EBADPARAM = 0x02,
	ADSP_EUNSUPPORTED = 0x03,
	ADSP_ENORESOURCE = 0x07,
	ADSP_EHANDLE = 0x08,
	ADSP_EALREADY = 0x09,
	ADSP_ENOTREADY = 0x0A,
	ADSP_EBUSY = 0x0C,
	ADSP_EABORTED = 0x0D,
	ADSP_ENOMEMORY = 0x14,
	ADSP_ENOTEXIST = 0x15,
};

/* One command to a service; @payload has @size bytes, unaligned. */
typedef void apr_service(const struct apr_header *command, const uint8_t *payload, size_t size);

apr_service core_command, afe_command, asm_command, adm_command;

/* Takes one packet of @length bytes from the kernel and hands it to its service; a malformed one is logged. */
void apr_dispatch(const uint8_t *packet, size_t length);

/* Answers @command (source and destination swapped, same token) with @opcode and @payload. */
void apr_respond(const struct apr_header *command, uint32_t opcode, const void *payload, size_t size);
/* The same as an event, for what happens later than the command's own answer. */
void apr_event(const struct apr_header *command, uint32_t opcode, const void *payload, size_t size);
/* The basic answer: the command's opcode and a status. */
void apr_status(const struct apr_header *command, enum adsp_status status);

/*
 * Fixed part of a command's payload into @structure. Returns false if the packet is too short; the command has then
 * been answered with ADSP_EBADPARAM.
 */
bool apr_payload(const struct apr_header *command, const uint8_t *payload, size_t size,
		 void *structure, size_t structure_size);

/*
 * While the audio protection domain is down, every command to the services in it is answered ADSP_ENOTREADY: quicker
 * for the driver than the silence of a dead domain, which would cost it a time-out per command.
 */
void apr_set_domain_up(bool up);
bool apr_domain_up(void);

#endif
