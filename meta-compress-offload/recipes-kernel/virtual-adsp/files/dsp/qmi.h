/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_QMI_H
#define VIRTUAL_ADSP_QMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Qualcomm messaging interface: a header and TLVs (type u8, length u16, value), all little-endian.
 * Source: Linux include/linux/soc/qcom/qmi.h and drivers/soc/qcom/qmi_encdec.c.
 */

#define QMI_REQUEST	0
#define QMI_RESPONSE	2
#define QMI_INDICATION	4

#define QMI_RESULT_TLV	0x02		/* qmi_response_type_v01: result u16, error u16 */

#define QMI_ERROR_NONE		0	/* QMI_ERR_NONE_V01 */
#define QMI_ERROR_MALFORMED	1	/* QMI_ERR_MALFORMED_MSG_V01 */
#define QMI_ERROR_INVALID_ID	41	/* QMI_ERR_INVALID_ID_V01 */
#define QMI_ERROR_UNSUPPORTED	94	/* QMI_ERR_NOT_SUPPORTED_V01 */

struct qmi_header {			/* struct qmi_header */
	uint8_t type;
	uint16_t transaction;
	uint16_t message;
	uint16_t length;		/* of what follows */
} __attribute__((packed));

/* A message that is being written into a buffer of the caller. */
struct qmi_writer {
	uint8_t *data;
	size_t room, size;
	bool overflow;
};

void qmi_start(struct qmi_writer *writer, uint8_t *buffer, size_t room, uint8_t type, uint16_t transaction,
	       uint16_t message);
void qmi_tlv(struct qmi_writer *writer, uint8_t type, const void *value, size_t size);
/* The result TLV of a response; @error: QMI_ERROR_*. */
void qmi_result(struct qmi_writer *writer, uint16_t error);
/* Completes the header. Returns the size of the message, or 0 if the buffer was too small. */
size_t qmi_end(struct qmi_writer *writer);

/* Reads the header. Returns false if the message is cut short. */
bool qmi_parse(const uint8_t *message, size_t size, struct qmi_header *header);
/* The value of a TLV of a message that qmi_parse() has found good; NULL if it is not there, or not whole. */
const uint8_t *qmi_find(const uint8_t *message, size_t size, uint8_t type, size_t *value_size);
/* An unsigned number of @width bytes. Returns false if it is not there, or has another size. */
bool qmi_find_number(const uint8_t *message, size_t size, uint8_t type, size_t width, uint32_t *value);
/* A string, with a NUL. Returns false if it is not there, or does not fit into @room bytes. */
bool qmi_find_string(const uint8_t *message, size_t size, uint8_t type, char *string, size_t room);

#endif
