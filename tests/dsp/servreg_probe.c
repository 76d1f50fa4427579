// SPDX-License-Identifier: MIT
/*
 * Lets a test call the service registry's messages: lines "locate HEX", "notify up|down HEX", "indicate up|down N" in,
 * lines "HEX action transaction" out ("-" for no answer).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servreg_message.h"

static size_t from_hex(const char *text, uint8_t *bytes, size_t room)
{
	size_t count = 0;
	unsigned int byte;

	for (; count < room && sscanf(text, "%2x", &byte) == 1; text += 2)
		bytes[count++] = (uint8_t)byte;
	return count;
}

int main(void)
{
	static char line[8192], text[8192];
	uint8_t answer[SERVREG_MESSAGE_MAX];
	char state[8];
	unsigned int number;

	while (fgets(line, sizeof(line), stdin)) {
		struct servreg_request what = { 0 };
		size_t size = 0;
		/* exactly as large as the message, so that AddressSanitizer sees each byte read beyond it */
		uint8_t *request;

		*text = 0;
		if (sscanf(line, "indicate %7s %u", state, &number) == 2) {
			size = servreg_indicate(!strcmp(state, "up"), (uint16_t)number, answer);
		} else {
			int locate = sscanf(line, "locate %8191s", text) == 1 || !strcmp(line, "locate \n");
			size_t length;

			if (!locate)
				sscanf(line, "notify %7s %8191s", state, text);
			length = strlen(text) / 2;
			request = malloc(length ? length : 1);
			length = from_hex(text, request, length);
			size = locate ? servreg_locate(request, length, answer)
				      : servreg_notify(request, length, !strcmp(state, "up"), answer, &what);
			free(request);
		}
		for (size_t i = 0; i < size; i++)
			printf("%02x", answer[i]);
		printf("%s %d %u\n", size ? "" : "-", what.action, what.transaction);
		fflush(stdout);
	}
	return 0;
}
