// SPDX-License-Identifier: MIT
/* AFE service: the DSP's audio ports and clocks. Source: Linux q6afe.c. */
#include "afe.h"

#include <string.h>

#include "apr.h"
#include "log.h"

#define CMD_PORT_START		0x000100E5	/* AFE_PORT_CMD_DEVICE_START */
#define CMD_PORT_STOP		0x000100E6	/* AFE_PORT_CMD_DEVICE_STOP */
#define CMD_PORT_SET_PARAM	0x000100EF	/* AFE_PORT_CMD_SET_PARAM_V2 */
#define CMD_SET_PARAM		0x000100F3	/* AFE_SVC_CMD_SET_PARAM */
#define CMD_VOTE		0x000100F4	/* AFE_CMD_REMOTE_LPASS_CORE_HW_VOTE_REQUEST */
#define RSP_VOTE		0x000100F5	/* AFE_CMD_RSP_REMOTE_LPASS_CORE_HW_VOTE_REQUEST */
#define CMD_DEVOTE		0x000100F6	/* AFE_CMD_REMOTE_LPASS_CORE_HW_DEVOTE_REQUEST */

#define PARAM_I2S_CONFIG	0x0001020D	/* AFE_PARAM_ID_I2S_CONFIG */

struct port_command {			/* struct afe_port_cmd_device_start, _stop */
	uint16_t port;
	uint16_t reserved;
};

struct set_param {			/* struct afe_svc_cmd_set_param */
	uint32_t payload_size;
	uint32_t address_lsw, address_msw;
	uint32_t map_handle;
};

struct port_set_param {			/* struct afe_port_cmd_set_param_v2 */
	uint16_t port;
	uint16_t payload_size;
	uint32_t address_lsw, address_msw;
	uint32_t map_handle;
};

struct param_data {			/* struct afe_port_param_data_v2 */
	uint32_t module;
	uint32_t param;
	uint16_t size;
	uint16_t reserved;
};

struct i2s_config {			/* struct afe_param_id_i2s_cfg */
	uint32_t minor_version;
	uint16_t bits;
	uint16_t channel_mode;
	uint16_t mono_stereo;
	uint16_t word_select_source;
	uint32_t rate;
	uint16_t data_format;
	uint16_t reserved;
};

/* The DSP has more ports than a board can use at once. */
#define PORTS_MAX 32

static struct port {
	uint16_t id;			/* AFE_PORT_ID_*; 0: free */
	int running;
	uint32_t rate, bits;		/* of the I2S configuration, 0: not given */
} ports[PORTS_MAX];

static struct port *find_port(uint16_t id)
{
	struct port *unused = NULL;

	for (struct port *port = ports; port < ports + PORTS_MAX; port++) {
		if (port->id == id)
			return port;
		if (!port->id && !unused)
			unused = port;
	}
	if (unused)
		unused->id = id;
	return unused;
}

/* The parameter follows in the packet itself: the drivers never use a mapped buffer for it. */
static bool param_fits(size_t size, size_t fixed, uint32_t map_handle, uint32_t payload_size)
{
	return !map_handle && payload_size >= sizeof(struct param_data) && payload_size <= size - fixed;
}

static void port_set_param(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	struct port_set_param set;
	struct param_data data;
	struct i2s_config i2s;
	struct port *port;

	if (!apr_payload(command, payload, size, &set, sizeof(set)))
		return;
	if (!param_fits(size, sizeof(set), set.map_handle, set.payload_size)) {
		apr_status(command, ADSP_EBADPARAM);
		return;
	}
	memcpy(&data, payload + sizeof(set), sizeof(data));
	if (data.size > set.payload_size - sizeof(data)) {
		apr_status(command, ADSP_EBADPARAM);
		return;
	}
	port = set.port ? find_port(set.port) : NULL;
	if (!port) {
		apr_status(command, ADSP_ENORESOURCE);
		return;
	}
	if (data.param == PARAM_I2S_CONFIG && data.size >= sizeof(i2s)) {
		memcpy(&i2s, payload + sizeof(set) + sizeof(data), sizeof(i2s));
		port->rate = i2s.rate;
		port->bits = i2s.bits;
	}
	apr_status(command, ADSP_EOK);
}

static void set_param(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	struct set_param set;

	if (!apr_payload(command, payload, size, &set, sizeof(set)))
		return;
	/* clocks: nothing in this model depends on them */
	apr_status(command, param_fits(size, sizeof(set), set.map_handle, set.payload_size) ? ADSP_EOK
											    : ADSP_EBADPARAM);
}

static void port_run(const struct apr_header *command, const uint8_t *payload, size_t size, int running)
{
	struct port_command which;
	struct port *port;

	if (!apr_payload(command, payload, size, &which, sizeof(which)))
		return;
	port = which.port ? find_port(which.port) : NULL;
	if (!port) {
		apr_status(command, ADSP_ENORESOURCE);
		return;
	}
	port->running = running;
	log_line("port 0x%x %s, %u Hz, %u bits", port->id, running ? "started" : "stopped", port->rate, port->bits);
	apr_status(command, ADSP_EOK);
}

void afe_command(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	/* q6afe_callback() reads the status from the second word; the first is the voter's handle */
	static const uint32_t vote[2] = { 1, ADSP_EOK };

	switch (command->opcode) {
	case CMD_PORT_START:
		port_run(command, payload, size, 1);
		break;
	case CMD_PORT_STOP:
		port_run(command, payload, size, 0);
		break;
	case CMD_PORT_SET_PARAM:
		port_set_param(command, payload, size);
		break;
	case CMD_SET_PARAM:
		set_param(command, payload, size);
		break;
	case CMD_VOTE:
		apr_respond(command, RSP_VOTE, vote, sizeof(vote));
		break;
	case CMD_DEVOTE:
		/* the driver does not wait, and would report an answer as an error */
		break;
	default:
		apr_status(command, ADSP_EUNSUPPORTED);
	}
}

void afe_print(FILE *out)
{
	const char *separator = "";

	fputc('[', out);
	for (const struct port *port = ports; port < ports + PORTS_MAX; port++) {
		if (!port->running)
			continue;
		fprintf(out, "%s{\"port\":%u,\"rate\":%u,\"bits\":%u}", separator, port->id, port->rate, port->bits);
		separator = ",";
	}
	fputc(']', out);
}

void afe_reset(void)
{
	memset(ports, 0, sizeof(ports));
}
