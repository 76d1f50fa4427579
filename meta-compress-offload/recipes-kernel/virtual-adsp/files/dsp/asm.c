// SPDX-License-Identifier: MIT
/* ASM service: commands to sessions and streams. Source: Linux q6asm.c, but for the session time. */
#include "asm.h"

#include <string.h>

#include "apr.h"
#include "clock.h"
#include "log.h"
#include "maps.h"
#include "media.h"
#include "stream.h"

#define CMD_CLOSE		0x00010BCD	/* ASM_STREAM_CMD_CLOSE */
#define CMD_FLUSH		0x00010BCE	/* ASM_STREAM_CMD_FLUSH */
#define CMD_PAUSE		0x00010BD3	/* ASM_SESSION_CMD_PAUSE */
#define CMD_EOS			0x00010BDB	/* ASM_DATA_CMD_EOS */
#define CMD_REMOVE_INITIAL	0x00010D67	/* ASM_DATA_CMD_REMOVE_INITIAL_SILENCE */
#define CMD_REMOVE_TRAILING	0x00010D68	/* ASM_DATA_CMD_REMOVE_TRAILING_SILENCE */
#define CMD_MAP			0x00010D92	/* ASM_CMD_SHARED_MEM_MAP_REGIONS */
#define CMD_UNMAP		0x00010D94	/* ASM_CMD_SHARED_MEM_UNMAP_REGIONS */
#define CMD_FORMAT		0x00010D98	/* ASM_DATA_CMD_MEDIA_FMT_UPDATE_V2 */
#define CMD_RUN			0x00010DAA	/* ASM_SESSION_CMD_RUN_V2 */
#define CMD_WRITE		0x00010DAB	/* ASM_DATA_CMD_WRITE_V2 */
#define CMD_OPEN_WRITE		0x00010DB3	/* ASM_STREAM_CMD_OPEN_WRITE_V3 */
#define CMD_SUSPEND		0x00010DEC	/* ASM_SESSION_CMD_SUSPEND */
/* Not in mainline; Qualcomm's msm kernel, include/dsp/apr_audio-v2.h */
#define CMD_SESSION_TIME	0x00010D9D	/* ASM_SESSION_CMD_GET_SESSIONTIME_V3 */
#define RSP_SESSION_TIME	0x00010D9E	/* ASM_SESSION_CMDRSP_GET_SESSIONTIME_V3 */

#define SESSIONS_MAX 8			/* MAX_SESSIONS in q6asm.h; numbered from 1 */
#define STREAMS_MAX 2			/* q6asm-dai.c toggles between stream 1 and 2 of a session */

struct open_write {			/* struct asm_stream_cmd_open_write_v3 */
	uint32_t mode;
	uint16_t sink, bits;
	uint32_t postprocessing;
	uint32_t codec;
};

struct write_command {			/* struct asm_data_cmd_write_v2 */
	uint32_t address_lsw, address_msw;
	uint32_t handle;
	uint32_t size;
	uint32_t sequence;
	uint32_t timestamp_lsw, timestamp_msw;
	uint32_t flags;
};

struct session_time {			/* struct asm_session_cmdrsp_get_sessiontime_v3 */
	uint32_t status;
	uint32_t session_lsw, session_msw;
	uint32_t absolute_lsw, absolute_msw;
};

static struct session {
	struct stream *stream[STREAMS_MAX];	/* in the order of opening, no gaps */
	bool running;
	uint64_t closed_us;		/* rendered time of the streams that are closed */
} sessions[SESSIONS_MAX + 1];

static struct {
	bool stopped;
	int64_t jump_us;		/* of the session time that is told */
	bool back;			/* that time runs backwards since */
	uint64_t back_since_us;
} fault_clock;

static const struct {
	const char *name;
	uint32_t opcode;
} names[] = {
	{ "open", CMD_OPEN_WRITE }, { "format", CMD_FORMAT }, { "run", CMD_RUN }, { "pause", CMD_PAUSE },
	{ "flush", CMD_FLUSH }, { "close", CMD_CLOSE }, { "write", CMD_WRITE }, { "eos", CMD_EOS },
	{ "initial", CMD_REMOVE_INITIAL }, { "trailing", CMD_REMOVE_TRAILING }, { "map", CMD_MAP },
	{ "unmap", CMD_UNMAP }, { "session-time", CMD_SESSION_TIME },
};

static uint64_t session_us(unsigned int number)
{
	const struct session *session = &sessions[number];
	uint64_t time = session->closed_us;

	for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++)
		time += stream_time_us(session->stream[i]);
	return time;
}

static int find_stream(const struct session *session, unsigned int id)
{
	for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++)
		if (stream_id(session->stream[i]) == id)
			return i;
	return -1;
}

static void remove_stream(struct session *session, int index, const char *why)
{
	struct stream *stream = session->stream[index];

	session->closed_us += stream_time_us(stream);
	stream_close(stream, why);
	for (; index + 1 < STREAMS_MAX; index++)
		session->stream[index] = session->stream[index + 1];
	session->stream[STREAMS_MAX - 1] = NULL;
	if (!session->stream[0])
		*session = (struct session){ 0 };
}

static void open_write(const struct apr_header *command, unsigned int number, unsigned int id,
		       const uint8_t *payload, size_t size)
{
	struct session *session = &sessions[number];
	struct open_write open;
	int free_index = 0;

	if (!apr_payload(command, payload, size, &open, sizeof(open)))
		return;
	if (!media_name(open.codec)) {
		log_line("session %u: format 0x%x is not known", number, open.codec);
		apr_status(command, ADSP_EUNSUPPORTED);
		return;
	}
	if (find_stream(session, id) >= 0) {
		apr_status(command, ADSP_EALREADY);
		return;
	}
	while (free_index < STREAMS_MAX && session->stream[free_index])
		free_index++;
	if (free_index < STREAMS_MAX)
		session->stream[free_index] = stream_open(number, id, open.codec);
	if (free_index == STREAMS_MAX || !session->stream[free_index]) {
		apr_status(command, ADSP_ENORESOURCE);
		return;
	}
	/* RUN and PAUSE are commands to the session: the second track of a gapless pair gets no RUN of its own */
	if (session->running)
		stream_run(session->stream[free_index], false);
	apr_status(command, ADSP_EOK);
}

static void run_session(struct session *session)
{
	session->running = true;
	for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++)
		stream_run(session->stream[i], true);
}

static void pause_session(struct session *session)
{
	session->running = false;
	for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++)
		stream_pause(session->stream[i]);
}

/* The session time as a clock with its faults shows it. */
static uint64_t told_us(unsigned int number)
{
	int64_t time = (int64_t)session_us(number) + fault_clock.jump_us;

	if (fault_clock.back)
		time -= 2 * (int64_t)(clock_now_us() - fault_clock.back_since_us);
	return time < 0 ? 0 : (uint64_t)time;
}

static void tell_time(const struct apr_header *command, unsigned int number)
{
	struct session_time time = { .status = ADSP_EOK };
	uint64_t session, absolute;

	/* up to now, not to when the streams were last looked after */
	asm_advance(clock_now());
	session = told_us(number);
	absolute = clock_now_us();
	time.session_lsw = (uint32_t)session;
	time.session_msw = (uint32_t)(session >> 32);
	time.absolute_lsw = (uint32_t)absolute;
	time.absolute_msw = (uint32_t)(absolute >> 32);
	apr_respond(command, RSP_SESSION_TIME, &time, sizeof(time));
}

static void write_data(const struct apr_header *command, struct stream *stream, const uint8_t *payload, size_t size)
{
	struct write_command write;

	if (!apr_payload(command, payload, size, &write, sizeof(write)))
		return;
	stream_write(stream, command, &(struct stream_write){
		.address = (uint64_t)write.address_msw << 32 | write.address_lsw,
		.handle = write.handle, .length = write.size, .flags = write.flags,
	});
}

static void remove_silence(const struct apr_header *command, struct stream *stream, enum silence silence,
			   const uint8_t *payload, size_t size)
{
	uint32_t samples;

	if (apr_payload(command, payload, size, &samples, sizeof(samples)))
		apr_status(command, stream_remove_silence(stream, silence, samples));
}

void asm_command(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	/* the port is session << 8 | stream (q6asm_add_hdr()); mappings belong to no session and use port 0 */
	unsigned int number = command->dest_port >> 8, id = command->dest_port & 0xFF;
	struct session *session;
	struct stream *stream;
	int index;

	if (command->opcode == CMD_MAP) {
		maps_map(command, payload, size);
		return;
	}
	if (command->opcode == CMD_UNMAP) {
		maps_unmap(command, payload, size);
		return;
	}
	if (!number || number > SESSIONS_MAX || !id || id > STREAMS_MAX) {
		apr_status(command, ADSP_EBADPARAM);
		return;
	}
	if (command->opcode == CMD_OPEN_WRITE) {
		open_write(command, number, id, payload, size);
		return;
	}
	session = &sessions[number];
	index = find_stream(session, id);
	if (index < 0) {
		/* also what ASM_STREAM_CMD_OPEN_READ_V3 comes to: the virtual board has no microphone */
		apr_status(command, command->opcode == CMD_CLOSE ? ADSP_ENOTEXIST : ADSP_EUNSUPPORTED);
		return;
	}
	stream = session->stream[index];
	switch (command->opcode) {
	case CMD_FORMAT:
		apr_status(command, stream_format(stream, payload, size));
		break;
	case CMD_RUN:
		run_session(session);
		apr_status(command, ADSP_EOK);
		break;
	case CMD_PAUSE:
	case CMD_SUSPEND:
		pause_session(session);
		apr_status(command, ADSP_EOK);
		break;
	case CMD_FLUSH:
		stream_flush(stream);
		apr_status(command, ADSP_EOK);
		break;
	case CMD_CLOSE:
		remove_stream(session, index, NULL);
		apr_status(command, ADSP_EOK);
		break;
	case CMD_WRITE:
		write_data(command, stream, payload, size);
		break;
	case CMD_EOS:
		stream_eos(stream, command);
		/* with nothing left to render it is answered before any other command, which may be CLOSE */
		asm_advance(clock_now());
		break;
	case CMD_REMOVE_INITIAL:
		remove_silence(command, stream, SILENCE_INITIAL, payload, size);
		break;
	case CMD_REMOVE_TRAILING:
		remove_silence(command, stream, SILENCE_TRAILING, payload, size);
		break;
	case CMD_SESSION_TIME:
		tell_time(command, number);
		break;
	default:
		apr_status(command, ADSP_EUNSUPPORTED);
	}
}

uint32_t asm_opcode(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i].name))
			return names[i].opcode;
	return 0;
}

static bool is_write(const struct apr_header *command, size_t size)
{
	return command->dest_service == APR_SERVICE_ASM && command->opcode == CMD_WRITE &&
	       size >= sizeof(struct write_command);
}

uint32_t asm_bytes_written(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	struct write_command write;

	if (!is_write(command, size))
		return 0;
	memcpy(&write, payload, sizeof(write));
	return write.size;
}

void asm_refuse(const struct apr_header *command, const uint8_t *payload, size_t size, uint32_t status)
{
	struct write_command write;

	if (!is_write(command, size)) {
		apr_status(command, status);
		return;
	}
	memcpy(&write, payload, sizeof(write));
	stream_refuse_write(command, &(struct stream_write){
		.address = (uint64_t)write.address_msw << 32 | write.address_lsw, .handle = write.handle,
	}, status);
}

void asm_run_clock(bool run)
{
	uint64_t now = clock_now();

	for (struct session *session = sessions + 1; !run && session <= sessions + SESSIONS_MAX; session++)
		for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++)
			stream_stop(session->stream[i], now);
	memset(&fault_clock, 0, sizeof(fault_clock));
	fault_clock.stopped = !run;
}

void asm_jump_clock(int64_t us)
{
	fault_clock.jump_us += us;
}

void asm_turn_clock_back(void)
{
	fault_clock.back = true;
	fault_clock.back_since_us = clock_now_us();
}

void asm_set_skew(int ppm)
{
	uint64_t now = clock_now();

	for (struct session *session = sessions + 1; session <= sessions + SESSIONS_MAX; session++)
		for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++)
			stream_anchor(session->stream[i], now);
	stream_set_skew(ppm);
}

void asm_open(void)
{
	stream_set_session_clock(session_us);
}

void asm_advance(uint64_t now)
{
	for (struct session *session = sessions + 1; session <= sessions + SESSIONS_MAX; session++) {
		bool may_start = !fault_clock.stopped;

		for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++) {
			stream_advance(session->stream[i], now, may_start);
			if (stream_busy(session->stream[i]))
				may_start = false;
		}
	}
}

uint64_t asm_deadline(void)
{
	uint64_t deadline = CLOCK_NEVER;

	for (struct session *session = sessions + 1; session <= sessions + SESSIONS_MAX; session++) {
		for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++) {
			uint64_t own = stream_deadline(session->stream[i]);

			if (own < deadline)
				deadline = own;
		}
	}
	return deadline;
}

void asm_reset(const char *why)
{
	for (struct session *session = sessions + 1; session <= sessions + SESSIONS_MAX; session++) {
		while (session->stream[0])
			remove_stream(session, 0, why);
	}
	maps_reset();
}

void asm_print(FILE *out)
{
	const char *separator = "";

	fputc('[', out);
	for (struct session *session = sessions + 1; session <= sessions + SESSIONS_MAX; session++) {
		for (int i = 0; i < STREAMS_MAX && session->stream[i]; i++) {
			fputs(separator, out);
			stream_print(session->stream[i], out);
			separator = ",";
		}
	}
	fputc(']', out);
}
