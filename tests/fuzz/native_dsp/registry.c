// SPDX-License-Identifier: MIT
/* QMI requests to the service registry: u8 to the locator (even) or the notifier (odd), then the message. */
#include "qmi.h"
#include "servreg_message.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t answer[SERVREG_MESSAGE_MAX];
	struct servreg_request what = { 0 };
	struct qmi_header header;
	size_t length;

	if (!size)
		return 0;
	if (data[0] & 1)
		length = servreg_notify(data + 1, size - 1, data[0] & 2, answer, &what);
	else
		length = servreg_locate(data + 1, size - 1, answer);
	world_check(length <= sizeof(answer), "an answer is longer than its buffer");
	world_check(!length || qmi_parse(answer, length, &header), "an answer is no message");
	return 0;
}
