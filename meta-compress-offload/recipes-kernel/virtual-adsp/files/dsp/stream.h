/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_STREAM_H
#define VIRTUAL_ADSP_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "apr.h"

/*
 * A playback stream: it takes writes, decodes them ahead into a FIFO, and renders the FIFO in real time.
 *
 * Nothing here waits: stream_advance() does what is due, and stream_deadline() tells when it wants to be called again.
 */

struct stream;

/* ASM_DATA_CMD_WRITE_V2, as far as a stream cares (struct asm_data_cmd_write_v2). */
struct stream_write {
	uint64_t address;
	uint32_t handle;
	uint32_t length;
	uint32_t flags;
};

/* Which end of a track ASM_DATA_CMD_REMOVE_*_SILENCE means. */
enum silence { SILENCE_INITIAL, SILENCE_TRAILING };

/*
 * How much faster than nominal all streams are rendered, in parts per million; at most +-100000. A stream that is
 * being rendered keeps its place if stream_anchor() is called first.
 */
void stream_set_skew(int ppm);

/* A new stream for MEDIA_* @codec; NULL: no memory. */
struct stream *stream_open(unsigned int session, unsigned int id, uint32_t codec);

/* Takes a media format block (payload of ASM_DATA_CMD_MEDIA_FMT_UPDATE_V2). */
enum adsp_status stream_format(struct stream *stream, const uint8_t *payload, size_t size);

/* Queues a write. It is answered with ASM_DATA_EVENT_WRITE_DONE_V2 in any case, now or later. */
void stream_write(struct stream *stream, const struct apr_header *command, const struct stream_write *write);

/* The answer to a write that is refused; no stream sees it. */
void stream_refuse_write(const struct apr_header *command, const struct stream_write *write, uint32_t status);

/* Queues the end of the stream. It is answered with ASM_DATA_EVENT_RENDERED_EOS when all before it was rendered. */
void stream_eos(struct stream *stream, const struct apr_header *command);

/*
 * Drops @samples (per channel) of the decoded audio, at the start of the track or before its end (the next EOS). What
 * the real DSP does exactly is not known; this is what ALSA's gapless metadata asks for.
 */
enum adsp_status stream_remove_silence(struct stream *stream, enum silence silence, uint32_t samples);

/*
 * Runs or pauses the stream. @start: a new RUN command came, which also makes a stream that ended at its EOS go on
 * with the data behind it.
 */
void stream_run(struct stream *stream, bool start);
void stream_pause(struct stream *stream);

/* The clock of the port has stopped: nothing is rendered until stream_advance() may start it anew. */
void stream_stop(struct stream *stream, uint64_t now);

/* Gives back all writes and drops all that is not rendered yet. */
void stream_flush(struct stream *stream);

/* Ends the recording and frees the stream. @why: NULL for ASM_STREAM_CMD_CLOSE, else a sentence for the recording. */
void stream_close(struct stream *stream, const char *why);

/*
 * Renders what is due and decodes a limited amount. @may_start: no earlier stream of the session is still playing.
 */
void stream_advance(struct stream *stream, uint64_t now, bool may_start);

/* Renders what is due at @now and counts the time of the frames to come from there. */
void stream_anchor(struct stream *stream, uint64_t now);

/* When to advance next (ns); 0: at once, there is more to do. */
uint64_t stream_deadline(const struct stream *stream);

/* Whether the stream holds up the next one of its session: it has data or an EOS to be rendered. */
bool stream_busy(const struct stream *stream);

/* Rendered time, microseconds. */
uint64_t stream_time_us(const struct stream *stream);

/* For the recording: the time of the whole session is shown with each position. */
void stream_set_session_clock(uint64_t (*session_us)(unsigned int session));

unsigned int stream_id(const struct stream *stream);
unsigned int stream_session(const struct stream *stream);

/* The object of stream.json. */
void stream_print(const struct stream *stream, FILE *out);

#endif
