// SPDX-License-Identifier: MIT
#include "servreg_message.h"

#include <string.h>

#include "qmi.h"

#define REGISTER_LISTENER	0x20	/* SERVREG_REGISTER_LISTENER_REQ */
#define GET_DOMAIN_LIST		0x21	/* SERVREG_GET_DOMAIN_LIST_REQ */
#define STATE_UPDATED		0x22	/* SERVREG_STATE_UPDATED_IND_ID */
#define SET_ACK			0x23	/* SERVREG_SET_ACK_REQ */
#define RESTART_DOMAIN		0x24	/* SERVREG_RESTART_PD_REQ, to the notifier */
#define REPORT_FAILURE		0x24	/* SERVREG_LOC_PFR_REQ, to the locator */

#define STATE_DOWN		0x0FFFFFFF	/* SERVREG_SERVICE_STATE_DOWN in include/linux/soc/qcom/pdr.h */
#define STATE_UP		0x1FFFFFFF	/* SERVREG_SERVICE_STATE_UP */

#define NAME_ROOM 65			/* SERVREG_NAME_LENGTH + 1 */

static void put_domain_list(struct qmi_writer *writer, const uint8_t *request, size_t size)
{
	static const char domain[] = SERVREG_AUDIO_DOMAIN;
	uint8_t list[1 + 1 + sizeof(domain) - 1 + 4 + 1 + 4], *at = list;
	const uint16_t revision = 1;
	const uint32_t instance = SERVREG_AUDIO_INSTANCE;
	uint16_t total;
	uint32_t offset;
	char service[NAME_ROOM];

	if (!qmi_find_string(request, size, 0x01, service, sizeof(service))) {
		qmi_result(writer, QMI_ERROR_MALFORMED);
		return;
	}
	if (!qmi_find_number(request, size, 0x10, 4, &offset))
		offset = 0;
	total = !strcmp(service, SERVREG_AUDIO_SERVICE);
	qmi_result(writer, QMI_ERROR_NONE);
	qmi_tlv(writer, 0x10, &total, sizeof(total));
	qmi_tlv(writer, 0x11, &revision, sizeof(revision));
	if (offset >= total)
		return;
	/* servreg_location_entry_ei: name with a length byte, instance, service data (none) */
	*at++ = 1;
	*at++ = sizeof(domain) - 1;
	memcpy(at, domain, sizeof(domain) - 1);
	at += sizeof(domain) - 1;
	memcpy(at, &instance, sizeof(instance));
	at += sizeof(instance);
	memset(at, 0, 5);
	qmi_tlv(writer, 0x12, list, sizeof(list));
}

size_t servreg_locate(const uint8_t *request, size_t size, uint8_t *answer)
{
	struct qmi_header header;
	struct qmi_writer writer;

	if (!qmi_parse(request, size, &header) || header.type != QMI_REQUEST)
		return 0;
	qmi_start(&writer, answer, SERVREG_MESSAGE_MAX, QMI_RESPONSE, header.transaction, header.message);
	switch (header.message) {
	case GET_DOMAIN_LIST:
		put_domain_list(&writer, request, size);
		break;
	case REPORT_FAILURE:
		qmi_result(&writer, QMI_ERROR_NONE);
		break;
	default:
		qmi_result(&writer, QMI_ERROR_UNSUPPORTED);
	}
	return qmi_end(&writer);
}

/* Whether the request is about the audio domain; else its error is written. */
static bool right_domain(struct qmi_writer *writer, const uint8_t *request, size_t size, uint8_t tlv)
{
	char path[NAME_ROOM];

	if (!qmi_find_string(request, size, tlv, path, sizeof(path))) {
		qmi_result(writer, QMI_ERROR_MALFORMED);
		return false;
	}
	if (strcmp(path, SERVREG_AUDIO_DOMAIN)) {
		qmi_result(writer, QMI_ERROR_INVALID_ID);
		return false;
	}
	return true;
}

size_t servreg_notify(const uint8_t *request, size_t size, bool domain_up, uint8_t *answer,
		      struct servreg_request *what)
{
	const uint32_t state = domain_up ? STATE_UP : STATE_DOWN;
	struct qmi_header header;
	struct qmi_writer writer;
	uint32_t value;

	*what = (struct servreg_request){ .action = SERVREG_NOTHING };
	if (!qmi_parse(request, size, &header) || header.type != QMI_REQUEST)
		return 0;
	qmi_start(&writer, answer, SERVREG_MESSAGE_MAX, QMI_RESPONSE, header.transaction, header.message);
	switch (header.message) {
	case REGISTER_LISTENER:
		if (!right_domain(&writer, request, size, 0x02))
			break;
		if (!qmi_find_number(request, size, 0x01, 1, &value)) {
			qmi_result(&writer, QMI_ERROR_MALFORMED);
			break;
		}
		what->action = value ? SERVREG_LISTEN : SERVREG_UNLISTEN;
		qmi_result(&writer, QMI_ERROR_NONE);
		qmi_tlv(&writer, 0x10, &state, sizeof(state));
		break;
	case SET_ACK:
		if (!right_domain(&writer, request, size, 0x01))
			break;
		if (!qmi_find_number(request, size, 0x02, 2, &value)) {
			qmi_result(&writer, QMI_ERROR_MALFORMED);
			break;
		}
		what->action = SERVREG_ACKNOWLEDGE;
		what->transaction = (uint16_t)value;
		qmi_result(&writer, QMI_ERROR_NONE);
		break;
	case RESTART_DOMAIN:
		if (!right_domain(&writer, request, size, 0x01))
			break;
		what->action = SERVREG_RESTART;
		qmi_result(&writer, QMI_ERROR_NONE);
		break;
	default:
		qmi_result(&writer, QMI_ERROR_UNSUPPORTED);
	}
	return qmi_end(&writer);
}

size_t servreg_indicate(bool domain_up, uint16_t transaction, uint8_t *message)
{
	const uint32_t state = domain_up ? STATE_UP : STATE_DOWN;
	struct qmi_writer writer;

	qmi_start(&writer, message, SERVREG_MESSAGE_MAX, QMI_INDICATION, transaction, STATE_UPDATED);
	qmi_tlv(&writer, 0x01, &state, sizeof(state));
	qmi_tlv(&writer, 0x02, SERVREG_AUDIO_DOMAIN, strlen(SERVREG_AUDIO_DOMAIN));
	qmi_tlv(&writer, 0x03, &transaction, sizeof(transaction));
	return qmi_end(&writer);
}
