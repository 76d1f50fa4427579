/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_RECORD_H
#define VIRTUAL_ADSP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "media.h"

/*
 * What a stream got and what it rendered, in a folder per stream: stream.json, events.jsonl, input.bin, rendered.wav.
 *
 * A recording that cannot be written (disk full) never disturbs the stream; it says so in stream.json's "error".
 */

#define RECORD_NOT_YET UINT64_MAX	/* a time that is null in stream.json */

struct record_file;

struct record {
	/* the owner keeps these up to date; they are what stream.json shows */
	unsigned int number;		/* of the stream, from 1 */
	unsigned int session, stream_id;
	const char *state;
	struct media_format format;
	uint32_t rate, channels, bits;	/* of the rendered PCM; all 0 until the first frame is decoded */
	uint64_t opened_us, run_us, eos_us, eos_rendered_us, closed_us;
	uint64_t bytes_received, bytes_decoded;
	unsigned int writes;
	uint64_t frames_rendered;
	unsigned int underruns;
	bool eos, drained;
	char error[200];		/* empty: none */

	/* private */
	char path[256];
	struct record_file *input, *events, *wav;
	uint64_t wav_bytes;
	bool failed;
};

/*
 * The folder for all recordings; made if it is missing. Streams are numbered from 1, or from one past the highest
 * number there: what was recorded before the DSP crashed stays.
 * Returns 0, or -1 with errno set.
 */
int record_set_folder(const char *folder);

/* Starts a recording; the caller has filled in the public fields but the number. */
void record_open(struct record *record);
/* One line of events.jsonl. @format: further members of the object, beginning with a comma, or "". */
void record_event(struct record *record, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Appends to input.bin. */
void record_input(struct record *record, const void *data, size_t size);
/* The file for rendered PCM, behind its header; NULL if there is none. The caller reports what it wrote. */
FILE *record_wav(struct record *record);
void record_wav_wrote(struct record *record, size_t bytes, bool good);
/* Writes stream.json anew, and all that it says is in the other files. */
void record_sync(struct record *record);
void record_close(struct record *record);

/* Keeps the first error: a sentence for stream.json. */
void record_error(struct record *record, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the object of stream.json. */
void record_print(const struct record *record, FILE *out);

#endif
