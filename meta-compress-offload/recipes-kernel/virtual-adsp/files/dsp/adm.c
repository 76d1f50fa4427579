// SPDX-License-Identifier: MIT
/* ADM service: the routes between sessions and ports. Source: Linux q6adm.c. */
#include "adm.h"

#include <string.h>

#include "apr.h"

#define CMD_MATRIX_MAP		0x00010325	/* ADM_CMD_MATRIX_MAP_ROUTINGS_V5 */
#define CMD_OPEN		0x00010326	/* ADM_CMD_DEVICE_OPEN_V5 */
#define CMD_CLOSE		0x00010327	/* ADM_CMD_DEVICE_CLOSE_V5 */
#define RSP_OPEN		0x00010329	/* ADM_CMDRSP_DEVICE_OPEN_V5 */

#define COPPS_MAX 32			/* below RESET_COPP_ID (99) and INVALID_COPP_ID (0xFF) */

struct open_command {			/* struct q6adm_cmd_device_open_v5 */
	uint16_t flags;
	uint16_t path;			/* 1: playback, ADM_PATH_PLAYBACK */
	uint16_t port;			/* AFE_PORT_ID_* */
	uint16_t second_port;
	uint32_t topology;
	uint16_t channels;
	uint16_t bits;
	uint32_t rate;
	uint8_t channel_map[8];
};

struct open_response {			/* struct adm_cmd_rsp_device_open_v5 */
	uint32_t status;
	uint16_t copp;
	uint16_t reserved;
};

struct map_command {			/* struct q6adm_cmd_matrix_map_routings_v5 */
	uint32_t matrix;
	uint32_t sessions;
};

struct map_node {			/* struct q6adm_session_map_node_v5, followed by its u16 COPP ids */
	uint16_t session;
	uint16_t copps;
};

static struct copp {
	int open;
	uint16_t port, channels, bits;
	uint32_t rate;
	uint32_t sessions;		/* bit mask of the session numbers mapped to it */
} copps[COPPS_MAX];

static void open_copp(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	struct open_response response = { 0 };
	struct open_command open;

	if (!apr_payload(command, payload, size, &open, sizeof(open)))
		return;
	for (uint16_t id = 0; id < COPPS_MAX; id++) {
		if (copps[id].open)
			continue;
		copps[id] = (struct copp){
			.open = 1, .port = open.port, .channels = open.channels, .bits = open.bits, .rate = open.rate,
		};
		response.copp = id;
		apr_respond(command, RSP_OPEN, &response, sizeof(response));
		return;
	}
	apr_status(command, ADSP_ENORESOURCE);
}

static void close_copp(const struct apr_header *command)
{
	/* the COPP is addressed by the port of the packet */
	if (command->dest_port >= COPPS_MAX || !copps[command->dest_port].open) {
		apr_status(command, ADSP_EHANDLE);
		return;
	}
	memset(&copps[command->dest_port], 0, sizeof(copps[0]));
	apr_status(command, ADSP_EOK);
}

static void matrix_map(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	struct map_command map;
	size_t at = sizeof(map);

	if (!apr_payload(command, payload, size, &map, sizeof(map)))
		return;
	for (uint32_t i = 0; i < map.sessions; i++) {
		struct map_node node;

		if (size - at < sizeof(node)) {
			apr_status(command, ADSP_EBADPARAM);
			return;
		}
		memcpy(&node, payload + at, sizeof(node));
		at += sizeof(node);
		if (node.session >= 32 || (size - at) / sizeof(uint16_t) < node.copps) {
			apr_status(command, ADSP_EBADPARAM);
			return;
		}
		for (struct copp *copp = copps; copp < copps + COPPS_MAX; copp++)
			copp->sessions &= ~(1u << node.session);
		for (uint16_t j = 0; j < node.copps; j++, at += sizeof(uint16_t)) {
			uint16_t id;

			memcpy(&id, payload + at, sizeof(id));
			if (id >= COPPS_MAX || !copps[id].open) {
				apr_status(command, ADSP_EHANDLE);
				return;
			}
			copps[id].sessions |= 1u << node.session;
		}
		/* the next node starts on a word */
		at += at % 4;
		if (at > size)
			at = size;
	}
	apr_status(command, ADSP_EOK);
}

void adm_command(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	switch (command->opcode) {
	case CMD_OPEN:
		open_copp(command, payload, size);
		break;
	case CMD_CLOSE:
		close_copp(command);
		break;
	case CMD_MATRIX_MAP:
		matrix_map(command, payload, size);
		break;
	default:
		apr_status(command, ADSP_EUNSUPPORTED);
	}
}

void adm_print(FILE *out)
{
	const char *separator = "";

	fputc('[', out);
	for (const struct copp *copp = copps; copp < copps + COPPS_MAX; copp++) {
		const char *comma = "";

		if (!copp->open)
			continue;
		fprintf(out, "%s{\"port\":%u,\"rate\":%u,\"channels\":%u,\"bits\":%u,\"sessions\":[", separator,
			copp->port, copp->rate, copp->channels, copp->bits);
		for (unsigned int session = 0; session < 32; session++) {
			if (!(copp->sessions & 1u << session))
				continue;
			fprintf(out, "%s%u", comma, session);
			comma = ",";
		}
		fputs("]}", out);
		separator = ",";
	}
	fputc(']', out);
}

void adm_reset(void)
{
	memset(copps, 0, sizeof(copps));
}
