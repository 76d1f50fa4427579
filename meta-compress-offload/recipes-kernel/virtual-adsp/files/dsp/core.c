// SPDX-License-Identifier: MIT
/* CORE service: is the DSP ready, and which services does it have. Source: Linux q6core.c. */
#include "apr.h"

#define CMD_GET_STATE		0x0001290C	/* AVCS_CMD_ADSP_EVENT_GET_STATE */
#define RSP_GET_STATE		0x0001290D	/* AVCS_CMDRSP_ADSP_EVENT_GET_STATE */
#define CMD_GET_FWK_VERSION	0x0001292C	/* AVCS_CMD_GET_FWK_VERSION */
#define RSP_GET_FWK_VERSION	0x0001292D	/* AVCS_CMDRSP_GET_FWK_VERSION */

struct fwk_version {			/* struct avcs_cmdrsp_get_fwk_version */
	uint32_t major, minor, branch, subbranch;
	uint32_t service_count;
	struct {			/* struct avcs_svc_api_info */
		uint32_t id, version, branch;
	} service[4];
};

void core_command(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	/* The versions are this model's own: the drivers look for the service and use no number. */
	static const struct fwk_version version = {
		.major = 2,
		.service_count = 4,
		.service = {
			{ APR_SERVICE_CORE, 1, 0 },
			{ APR_SERVICE_AFE, 1, 0 },
			{ APR_SERVICE_ASM, 1, 0 },
			{ APR_SERVICE_ADM, 1, 0 },
		},
	};
	static const uint32_t ready = 1;

	(void)payload;
	(void)size;
	switch (command->opcode) {
	case CMD_GET_STATE:
		apr_respond(command, RSP_GET_STATE, &ready, sizeof(ready));
		break;
	case CMD_GET_FWK_VERSION:
		apr_respond(command, RSP_GET_FWK_VERSION, &version, sizeof(version));
		break;
	default:
		/* q6core_callback() reads this as "not supported" and falls back */
		apr_status(command, ADSP_EUNSUPPORTED);
	}
}
