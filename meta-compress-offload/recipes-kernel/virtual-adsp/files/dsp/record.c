// SPDX-License-Identifier: MIT
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "wav.h"

/* A file with a buffer of its own: few system calls matter more than memory, since the DSP runs under emulation. */
struct record_file {
	FILE *stream;
	char buffer[64 * 1024];
};

static char folder[160];
static unsigned int last_number;

static int make_folders(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST) {
			*slash = '/';
			return -1;
		}
		*slash = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

int record_set_folder(const char *path)
{
	struct dirent *entry;
	DIR *directory;

	if ((size_t)snprintf(folder, sizeof(folder), "%s", path) >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (make_folders(folder) < 0)
		return -1;
	directory = opendir(folder);
	if (!directory)
		return -1;
	while ((entry = readdir(directory))) {
		char *end;
		unsigned long number = strtoul(entry->d_name, &end, 10);

		if (end != entry->d_name && !*end && number > last_number && number < 1000000)
			last_number = (unsigned int)number;
	}
	closedir(directory);
	return 0;
}

/* Once something cannot be written the recording is worthless, and says so. */
static void fail(struct record *record, const char *what)
{
	if (record->failed)
		return;
	record->failed = true;
	log_line("stream %u: %s cannot be written: %s", record->number, what, strerror(errno));
	record_error(record, "The recording is not complete: %s cannot be written (%s).", what, strerror(errno));
}

static struct record_file *open_file(struct record *record, const char *name)
{
	struct record_file *file = malloc(sizeof(*file));
	char path[300];

	if (!file) {
		fail(record, name);
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/%s", record->path, name);
	file->stream = fopen(path, "we");
	if (!file->stream) {
		fail(record, name);
		free(file);
		return NULL;
	}
	setvbuf(file->stream, file->buffer, _IOFBF, sizeof(file->buffer));
	return file;
}

static void close_file(struct record *record, struct record_file **file, const char *name)
{
	if (!*file)
		return;
	if (fclose((*file)->stream))
		fail(record, name);
	free(*file);
	*file = NULL;
}

void record_open(struct record *record)
{
	record->number = ++last_number;
	snprintf(record->path, sizeof(record->path), "%s/%04u", folder, record->number);
	if (mkdir(record->path, 0755) < 0) {
		fail(record, "its folder");
		return;
	}
	record->input = open_file(record, "input.bin");
	record->events = open_file(record, "events.jsonl");
}

static void print_time(const char *name, uint64_t time, FILE *out)
{
	if (time == RECORD_NOT_YET)
		fprintf(out, ",\"%s\":null", name);
	else
		fprintf(out, ",\"%s\":%llu", name, (unsigned long long)time);
}

void record_print(const struct record *record, FILE *out)
{
	fprintf(out, "{\"stream\":%u,\"session\":%u,\"stream_id\":%u,\"state\":\"%s\",\"codec\":\"%s\",\"codec_id\":%u",
		record->number, record->session, record->stream_id, record->state, media_name(record->format.codec),
		record->format.codec);
	fputs(",\"format\":", out);
	media_print(&record->format, out);
	fputs(",\"format_hex\":\"", out);
	for (size_t i = 0; i < record->format.block_size; i++)
		fprintf(out, "%02x", record->format.block[i]);
	fputc('"', out);
	fprintf(out, ",\"rate\":%u,\"channels\":%u,\"bits\":%u", record->rate, record->channels, record->bits);
	print_time("opened_us", record->opened_us, out);
	print_time("run_us", record->run_us, out);
	print_time("eos_us", record->eos_us, out);
	print_time("eos_rendered_us", record->eos_rendered_us, out);
	print_time("closed_us", record->closed_us, out);
	fprintf(out, ",\"bytes_received\":%llu,\"bytes_decoded\":%llu,\"writes\":%u",
		(unsigned long long)record->bytes_received, (unsigned long long)record->bytes_decoded, record->writes);
	fprintf(out, ",\"frames_rendered\":%llu,\"underruns\":%u",
		(unsigned long long)record->frames_rendered, record->underruns);
	fprintf(out, ",\"eos\":%s,\"drained\":%s,\"error\":", record->eos ? "true" : "false",
		record->drained ? "true" : "false");
	if (record->error[0])
		json_string(record->error, out);
	else
		fputs("null", out);
	fputc('}', out);
}

static void write_json(struct record *record)
{
	char path[300], temporary[300];
	FILE *file;

	if (record->events && fflush(record->events->stream))
		fail(record, "events.jsonl");
	snprintf(path, sizeof(path), "%s/stream.json", record->path);
	snprintf(temporary, sizeof(temporary), "%s/.stream.json", record->path);
	file = fopen(temporary, "we");
	if (!file) {
		fail(record, "stream.json");
		return;
	}
	record_print(record, file);
	fputc('\n', file);
	if (fclose(file) || rename(temporary, path) < 0)
		fail(record, "stream.json");
}

void record_event(struct record *record, const char *event, const char *format, ...)
{
	va_list args;

	if (!record->events)
		return;
	fprintf(record->events->stream, "{\"t_us\":%llu,\"event\":\"%s\"", (unsigned long long)clock_now_us(), event);
	va_start(args, format);
	vfprintf(record->events->stream, format, args);
	va_end(args);
	fputs("}\n", record->events->stream);
}

void record_input(struct record *record, const void *data, size_t size)
{
	if (record->input && fwrite(data, 1, size, record->input->stream) != size)
		fail(record, "input.bin");
}

static void write_wav_header(struct record *record)
{
	if (wav_write_header(record->wav->stream, record->rate, record->channels, record->bits, record->wav_bytes) < 0)
		fail(record, "rendered.wav");
}

FILE *record_wav(struct record *record)
{
	if (!record->wav && !record->failed) {
		record->wav = open_file(record, "rendered.wav");
		if (record->wav)
			write_wav_header(record);
	}
	return record->wav ? record->wav->stream : NULL;
}

void record_wav_wrote(struct record *record, size_t bytes, bool good)
{
	record->wav_bytes += bytes;
	if (!good)
		fail(record, "rendered.wav");
}

void record_sync(struct record *record)
{
	if (record->wav) {
		write_wav_header(record);
		if (fflush(record->wav->stream))
			fail(record, "rendered.wav");
	}
	if (record->input && fflush(record->input->stream))
		fail(record, "input.bin");
	write_json(record);
}

void record_close(struct record *record)
{
	record_sync(record);
	close_file(record, &record->input, "input.bin");
	close_file(record, &record->wav, "rendered.wav");
	close_file(record, &record->events, "events.jsonl");
}

void record_error(struct record *record, const char *format, ...)
{
	va_list args;

	if (record->error[0])
		return;
	va_start(args, format);
	vsnprintf(record->error, sizeof(record->error), format, args);
	va_end(args);
	log_line("stream %u: %s", record->number, record->error);
}
