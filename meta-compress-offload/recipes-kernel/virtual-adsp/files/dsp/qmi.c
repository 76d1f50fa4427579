// SPDX-License-Identifier: MIT
#include "qmi.h"

#include <string.h>

#define TLV_HEADER 3

static void put(struct qmi_writer *writer, const void *data, size_t size)
{
	if (size > writer->room - writer->size) {
		writer->overflow = true;
		return;
	}
	memcpy(writer->data + writer->size, data, size);
	writer->size += size;
}

void qmi_start(struct qmi_writer *writer, uint8_t *buffer, size_t room, uint8_t type, uint16_t transaction,
	       uint16_t message)
{
	const struct qmi_header header = { .type = type, .transaction = transaction, .message = message };

	*writer = (struct qmi_writer){ .data = buffer, .room = room };
	put(writer, &header, sizeof(header));
}

void qmi_tlv(struct qmi_writer *writer, uint8_t type, const void *value, size_t size)
{
	const uint8_t head[TLV_HEADER] = { type, (uint8_t)size, (uint8_t)(size >> 8) };

	put(writer, head, sizeof(head));
	put(writer, value, size);
}

void qmi_result(struct qmi_writer *writer, uint16_t error)
{
	/* QMI_RESULT_SUCCESS_V01 is 0, QMI_RESULT_FAILURE_V01 is 1 */
	const uint16_t result[2] = { error != QMI_ERROR_NONE, error };

	qmi_tlv(writer, QMI_RESULT_TLV, result, sizeof(result));
}

size_t qmi_end(struct qmi_writer *writer)
{
	uint16_t length;

	if (writer->overflow || writer->size < sizeof(struct qmi_header))
		return 0;
	length = (uint16_t)(writer->size - sizeof(struct qmi_header));
	memcpy(writer->data + offsetof(struct qmi_header, length), &length, sizeof(length));
	return writer->size;
}

bool qmi_parse(const uint8_t *message, size_t size, struct qmi_header *header)
{
	if (size < sizeof(*header))
		return false;
	memcpy(header, message, sizeof(*header));
	return header->length == size - sizeof(*header);
}

const uint8_t *qmi_find(const uint8_t *message, size_t size, uint8_t type, size_t *value_size)
{
	size_t at = sizeof(struct qmi_header);

	while (size - at >= TLV_HEADER) {
		size_t length = (size_t)message[at + 1] | (size_t)message[at + 2] << 8;

		if (length > size - at - TLV_HEADER)
			return NULL;
		if (message[at] == type) {
			*value_size = length;
			return message + at + TLV_HEADER;
		}
		at += TLV_HEADER + length;
	}
	return NULL;
}

bool qmi_find_number(const uint8_t *message, size_t size, uint8_t type, size_t width, uint32_t *value)
{
	size_t length;
	const uint8_t *data = qmi_find(message, size, type, &length);

	if (!data || length != width || width > sizeof(*value))
		return false;
	*value = 0;
	memcpy(value, data, width);
	return true;
}

bool qmi_find_string(const uint8_t *message, size_t size, uint8_t type, char *string, size_t room)
{
	size_t length;
	const uint8_t *data = qmi_find(message, size, type, &length);

	if (!data || length >= room)
		return false;
	memcpy(string, data, length);
	string[length] = 0;
	return true;
}
