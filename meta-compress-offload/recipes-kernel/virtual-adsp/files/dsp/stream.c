// SPDX-License-Identifier: MIT
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "decoder.h"
#include "fifo.h"
#include "log.h"
#include "maps.h"
#include "media.h"
#include "record.h"
#include "transport.h"

#define EVENT_WRITE_DONE	0x00010D99	/* ASM_DATA_EVENT_WRITE_DONE_V2 in q6asm.c */
#define EVENT_RENDERED_EOS	0x00010C1C	/* ASM_DATA_EVENT_RENDERED_EOS in q6asm.c */

/*
 * The decoder fills the FIFO up to FIFO_HIGH_MS and starts again at FIFO_LOW_MS. How much the hardware decodes ahead is
 * not known; this much lets the program sleep for most of the time.
 */
#define FIFO_LOW_MS 200
#define FIFO_HIGH_MS 400

/*
 * How long a FIFO may be empty before that is an underrun. A port of the hardware has buffers of this order; and PCM
 * needs it, because its next write only comes when the one before has been rendered.
 */
#define GRACE_NS (10 * NS_PER_MS)

/* Decode so many frames of audio (samples per channel) at a stretch before looking at the commands again. */
#define SLICE_FRAMES 16384

#define TICKS_PER_S 10			/* positions in events.jsonl */

/* The most that a stream may be asked to hold back for its end: encoders pad with less than two frames of theirs. */
#define TRAILING_MAX 65536

#define PPM 1000000

enum item_kind { ITEM_WRITE, ITEM_EOS };

/* A write or an EOS that has not been answered. */
struct item {
	struct item *next;
	enum item_kind kind;
	struct apr_header command;
	struct stream_write write;
	uint32_t taken;			/* bytes of the write that the decoder has got */
	uint64_t at_frame;		/* to be answered when so many frames are rendered */
};

struct queue {
	struct item *first, *last;
};

struct stream {
	struct record record;
	unsigned int session, id;

	struct media_format format;
	bool has_format;
	struct decoder *decoder;
	bool error_shown;		/* the decoder's error has been recorded */

	struct queue pending;		/* what the decoder has not finished with */
	struct queue playing;		/* what is decoded, but not rendered */
	bool writes_playing;		/* writes are done when rendered, not when decoded: PCM */
	uint64_t track_bytes;		/* taken since the last EOS */
	bool finishing;			/* the decoder gives its rest before the EOS at the head of @pending */
	bool ended;			/* at an EOS: what follows waits for RUN */

	struct fifo fifo;
	uint32_t frame_bytes;
	uint64_t decoded, rendered;	/* frames; the FIFO has what is between */
	uint32_t drop_initial, hold_trailing;
	bool refill;			/* between low and high water */
	bool starved_decoder;		/* the decoder can do nothing until something is queued */
	bool hungry;			/* the FIFO runs low and nothing is queued */

	bool running;
	bool anchored;			/* the clock of this stream runs */
	uint64_t anchor_ns, anchor_frame;	/* frame anchor_frame starts at anchor_ns */
	uint64_t next_tick;		/* number of the next position */
	bool starving;
	uint64_t starving_since;
};

static int skew_ppm;
static uint64_t (*session_time_us)(unsigned int session);

void stream_set_skew(int ppm)
{
	skew_ppm = ppm;
}

void stream_set_session_clock(uint64_t (*session_us)(unsigned int session))
{
	session_time_us = session_us;
}

unsigned int stream_id(const struct stream *stream)
{
	return stream->id;
}

unsigned int stream_session(const struct stream *stream)
{
	return stream->session;
}

/* --- queues --- */

static struct item *push(struct queue *queue, enum item_kind kind, const struct apr_header *command)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	item->kind = kind;
	item->command = *command;
	if (queue->last)
		queue->last->next = item;
	else
		queue->first = item;
	queue->last = item;
	return item;
}

static struct item *unlink_first(struct queue *queue)
{
	struct item *item = queue->first;

	queue->first = item->next;
	if (!queue->first)
		queue->last = NULL;
	item->next = NULL;
	return item;
}

static void move_first(struct queue *from, struct queue *to)
{
	struct item *item = unlink_first(from);

	if (to->last)
		to->last->next = item;
	else
		to->first = item;
	to->last = item;
}

/* --- answers --- */

static void send_write_done(const struct apr_header *command, const struct stream_write *write, uint32_t status)
{
	/* q6asm_stream_callback() checks the address words and takes the rest from the token */
	const uint32_t done[4] = { (uint32_t)write->address, (uint32_t)(write->address >> 32), write->handle, status };

	apr_event(command, EVENT_WRITE_DONE, done, sizeof(done));
}

static void write_done(struct stream *stream, const struct apr_header *command, const struct stream_write *write,
		       enum adsp_status status)
{
	record_event(&stream->record, "write_done", ",\"token\":%u,\"length\":%u,\"status\":%u", command->token,
		     write->length, status);
	send_write_done(command, write, status);
}

void stream_refuse_write(const struct apr_header *command, const struct stream_write *write, uint32_t status)
{
	send_write_done(command, write, status);
}

static void eos_rendered(struct stream *stream, const struct apr_header *command, bool drained)
{
	/* no payload is defined, but apr_callback() drops packets that have none */
	static const uint32_t nothing;

	record_event(&stream->record, "eos_rendered", ",\"frames\":%llu,\"drained\":%s",
		     (unsigned long long)stream->rendered, drained ? "true" : "false");
	if (drained && !stream->record.drained) {
		stream->record.drained = true;
		stream->record.eos_rendered_us = clock_now_us();
	}
	record_sync(&stream->record);	/* first: whoever is told may read the record at once */
	apr_event(command, EVENT_RENDERED_EOS, &nothing, sizeof(nothing));
}

/* --- time --- */

/* Frames in 1e15 ns: the rate with its skew, exact in integers. */
static uint64_t scaled_rate(const struct stream *stream)
{
	return (uint64_t)stream->record.rate * (uint64_t)(PPM + skew_ppm);
}

/* Number of the frame that is due to be finished at @now. */
static uint64_t frame_at(const struct stream *stream, uint64_t now)
{
	if (now <= stream->anchor_ns)
		return stream->anchor_frame;
	return stream->anchor_frame +
	       (uint64_t)((unsigned __int128)(now - stream->anchor_ns) * scaled_rate(stream) / (NS_PER_S * PPM));
}

/* When all frames before @frame are rendered; the first nanosecond for which frame_at() says so. */
static uint64_t time_of(const struct stream *stream, uint64_t frame)
{
	uint64_t rate = scaled_rate(stream);

	if (frame <= stream->anchor_frame)
		return stream->anchor_ns;
	return stream->anchor_ns +
	       (uint64_t)(((unsigned __int128)(frame - stream->anchor_frame) * (NS_PER_S * PPM) + rate - 1) / rate);
}

static uint64_t frames_of_ms(const struct stream *stream, uint32_t ms)
{
	return (uint64_t)stream->record.rate * ms / 1000;
}

uint64_t stream_time_us(const struct stream *stream)
{
	return stream->record.rate ? stream->rendered * 1000000 / stream->record.rate : 0;
}

/* --- state --- */

static const char *state_name(const struct stream *stream)
{
	if (stream->record.closed_us != RECORD_NOT_YET)
		return "closed";
	if (stream->ended && stream->rendered == stream->decoded)
		return "ended";
	if (stream->running)
		return "running";
	return stream->record.run_us == RECORD_NOT_YET ? "open" : "paused";
}

static void update(struct stream *stream)
{
	stream->record.state = state_name(stream);
	record_sync(&stream->record);
}

struct stream *stream_open(unsigned int session, unsigned int id, uint32_t codec)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct record *record;

	if (!stream)
		return NULL;
	stream->session = session;
	stream->id = id;
	stream->format.codec = codec;
	stream->writes_playing = codec == MEDIA_PCM;
	stream->refill = true;
	record = &stream->record;
	record->session = session;
	record->stream_id = id;
	record->format = stream->format;
	record->opened_us = clock_now_us();
	record->run_us = record->eos_us = record->eos_rendered_us = record->closed_us = RECORD_NOT_YET;
	record_open(record);
	record_event(record, "open", ",\"session\":%u,\"stream_id\":%u,\"codec_id\":%u", session, id, codec);
	if (!media_needs_block(codec)) {
		stream->decoder = decoder_open(&stream->format);
		stream->has_format = true;
	}
	update(stream);
	return stream;
}

enum adsp_status stream_format(struct stream *stream, const uint8_t *payload, size_t size)
{
	struct media_format format = { .codec = stream->format.codec };
	enum adsp_status status = media_parse(stream->format.codec, payload, size, &format);

	if (format.block_size)
		stream->record.format = format;
	if (status == ADSP_EOK && !decoder_exists(format.codec)) {
		status = ADSP_EUNSUPPORTED;
		record_error(&stream->record, "This DSP model has no decoder for %s.", media_name(format.codec));
	} else if (status == ADSP_EOK && (stream->pending.first || stream->track_bytes)) {
		status = ADSP_EBUSY;
		record_error(&stream->record, "A media format block came in the middle of the data.");
	} else if (status == ADSP_EOK) {
		struct decoder *decoder = decoder_open(&format);

		if (decoder) {
			decoder_close(stream->decoder);
			stream->decoder = decoder;
			stream->error_shown = false;
			stream->format = format;
			stream->has_format = true;
		} else {
			status = ADSP_EBADPARAM;
		}
	}
	if (status == ADSP_EBADPARAM)
		record_error(&stream->record, "The media format block is not valid for %s.",
			     media_name(stream->format.codec));
	record_event(&stream->record, "format", ",\"status\":%u", status);
	update(stream);
	return status;
}

/* --- commands --- */

static void wake_decoder(struct stream *stream)
{
	stream->starved_decoder = false;
	stream->hungry = false;
}

void stream_write(struct stream *stream, const struct apr_header *command, const struct stream_write *write)
{
	struct record *record = &stream->record;
	enum adsp_status status = ADSP_EOK;
	struct item *item;

	record_event(record, "write",
		     ",\"n\":%u,\"address\":%llu,\"offset\":%llu,\"length\":%u,\"token\":%u,\"flags\":%u",
		     record->writes, (unsigned long long)write->address, (unsigned long long)record->bytes_received,
		     write->length, command->token, write->flags);
	if (!maps_contain(write->handle, write->address, write->length)) {
		status = ADSP_EBADPARAM;
		record_error(record, "Write %u is outside of the memory that is mapped.", record->writes);
	} else if (!stream->decoder) {
		status = ADSP_ENOTREADY;
		record_error(record, "Data came, but there is no decoder for %s%s.", media_name(stream->format.codec),
			     stream->has_format ? "" : " without a media format block");
	}
	record->writes++;
	item = status == ADSP_EOK ? push(&stream->pending, ITEM_WRITE, command) : NULL;
	if (!item) {
		write_done(stream, command, write, status == ADSP_EOK ? ADSP_ENOMEMORY : status);
		return;
	}
	item->write = *write;
	record->bytes_received += write->length;
	wake_decoder(stream);
}

void stream_eos(struct stream *stream, const struct apr_header *command)
{
	struct record *record = &stream->record;

	record_event(record, "eos", ",\"offset\":%llu", (unsigned long long)record->bytes_received);
	if (!record->eos) {
		record->eos = true;
		record->eos_us = clock_now_us();
	}
	if (!push(&stream->pending, ITEM_EOS, command)) {
		eos_rendered(stream, command, false);
		return;
	}
	wake_decoder(stream);
	update(stream);
}

enum adsp_status stream_remove_silence(struct stream *stream, enum silence silence, uint32_t samples)
{
	enum adsp_status status = ADSP_EOK;

	if (silence == SILENCE_INITIAL && stream->track_bytes)
		status = ADSP_ENOTREADY;	/* too late: the start of the track is gone */
	else if (silence == SILENCE_TRAILING && samples > TRAILING_MAX)
		status = ADSP_EBADPARAM;
	else if (silence == SILENCE_INITIAL)
		stream->drop_initial = samples;
	else
		stream->hold_trailing = samples;
	record_event(&stream->record, "silence", ",\"where\":\"%s\",\"samples\":%u,\"applied\":%s",
		     silence == SILENCE_INITIAL ? "initial" : "trailing", samples, status == ADSP_EOK ? "true" : "false");
	return status;
}

void stream_run(struct stream *stream, bool start)
{
	if (start) {
		record_event(&stream->record, "run", "");
		stream->ended = false;
	}
	stream->running = true;
	if (stream->record.run_us == RECORD_NOT_YET)
		stream->record.run_us = clock_now_us();
	wake_decoder(stream);
	update(stream);
}

static void render(struct stream *stream, uint64_t now);

void stream_anchor(struct stream *stream, uint64_t now)
{
	uint64_t frame;

	render(stream, now);
	if (!stream->anchored)
		return;
	frame = frame_at(stream, now);
	stream->anchor_ns = time_of(stream, frame);
	stream->anchor_frame = frame;
}

static void stop_clock(struct stream *stream)
{
	stream->anchored = false;
	stream->starving = false;
}

void stream_stop(struct stream *stream, uint64_t now)
{
	render(stream, now);
	stop_clock(stream);
}

void stream_pause(struct stream *stream)
{
	stream_stop(stream, clock_now());
	stream->running = false;
	record_event(&stream->record, "pause", ",\"frames\":%llu", (unsigned long long)stream->rendered);
	update(stream);
}

/* The next @length bytes of a write, from shared memory, as they are there now. */
static bool take(struct stream *stream, struct item *item, uint8_t *data, uint32_t length)
{
	uint64_t address = item->write.address + item->taken;

	if (!maps_contain(item->write.handle, address, length)) {
		record_error(&stream->record, "The memory of a write was unmapped before it was read.");
		return false;
	}
	if (transport_read_memory(address, data, length) < 0) {
		record_error(&stream->record, "%u bytes of shared memory at 0x%llx cannot be read (%s).", length,
			     (unsigned long long)address, strerror(errno));
		return false;
	}
	record_input(&stream->record, data, length);
	item->taken += length;
	stream->record.bytes_decoded += length;
	stream->track_bytes += length;
	return true;
}

/* input.bin is to have every byte of every write: also of those that the decoder will never see. */
static void take_rest(struct stream *stream, struct item *item)
{
	uint8_t data[DECODER_CHUNK];

	while (item->taken < item->write.length) {
		uint32_t left = item->write.length - item->taken;

		if (!take(stream, item, data, left < sizeof(data) ? left : (uint32_t)sizeof(data)))
			break;
	}
}

/* Empties a queue; @answer: and tells the client so. */
static void give_back(struct stream *stream, struct queue *queue, bool answer)
{
	while (queue->first) {
		struct item *item = unlink_first(queue);

		if (item->kind == ITEM_WRITE)
			take_rest(stream, item);
		if (answer && item->kind == ITEM_WRITE)
			write_done(stream, &item->command, &item->write, ADSP_EABORTED);
		else if (answer)
			eos_rendered(stream, &item->command, false);
		free(item);
	}
}

void stream_flush(struct stream *stream)
{
	uint64_t dropped_bytes;

	render(stream, clock_now());
	dropped_bytes = stream->record.bytes_received - stream->record.bytes_decoded;
	record_event(&stream->record, "flush", ",\"bytes\":%llu,\"frames\":%llu", (unsigned long long)dropped_bytes,
		     (unsigned long long)(stream->decoded - stream->rendered));
	fifo_cut(&stream->fifo, stream->fifo.level);
	stream->decoded = stream->rendered;
	give_back(stream, &stream->playing, true);
	give_back(stream, &stream->pending, true);
	stream->drop_initial = stream->hold_trailing = 0;
	stream->track_bytes = 0;
	stream->finishing = stream->ended = false;
	stream->refill = true;
	stop_clock(stream);
	wake_decoder(stream);
	if (stream->decoder)
		decoder_reset(stream->decoder);
	update(stream);
}

void stream_close(struct stream *stream, const char *why)
{
	struct record *record = &stream->record;

	if (why)
		record_error(record, "%s", why);
	render(stream, clock_now());
	give_back(stream, &stream->playing, false);
	give_back(stream, &stream->pending, false);
	record_event(record, "close", ",\"frames\":%llu", (unsigned long long)stream->rendered);
	record->closed_us = clock_now_us();
	record->state = state_name(stream);
	record_close(record);
	decoder_close(stream->decoder);
	fifo_free(&stream->fifo);
	free(stream);
}

/* --- rendering --- */

/* Frames that may be rendered: all but those that may turn out to be the silence at the end. */
static uint64_t playable(const struct stream *stream)
{
	uint64_t held = stream->hold_trailing;

	return stream->decoded - stream->rendered > held ? stream->decoded - held : stream->rendered;
}

static void answer_rendered(struct stream *stream)
{
	while (stream->playing.first && stream->playing.first->at_frame <= stream->rendered) {
		struct item *item = unlink_first(&stream->playing);

		if (item->kind == ITEM_WRITE) {
			write_done(stream, &item->command, &item->write, ADSP_EOK);
		} else {
			stream->record.state = state_name(stream);
			eos_rendered(stream, &item->command, true);
		}
		free(item);
	}
}

/* Rounded up: at a frame before the tick, e.g. at 11025 Hz, the same tick would come again and again. */
static uint64_t tick_frame(const struct stream *stream)
{
	return (stream->next_tick * stream->record.rate + TICKS_PER_S - 1) / TICKS_PER_S;
}

static void render(struct stream *stream, uint64_t now)
{
	struct record *record = &stream->record;
	uint64_t target, due;

	if (!stream->anchored)
		return;
	due = frame_at(stream, now);
	target = playable(stream);
	if (target > due)
		target = due;
	if (target > stream->rendered) {
		size_t bytes = (size_t)(target - stream->rendered) * stream->frame_bytes;
		FILE *wav = record_wav(record);

		record_wav_wrote(record, bytes, fifo_pull(&stream->fifo, bytes, wav));
		stream->rendered = target;
		record->frames_rendered = target;
	}
	if (stream->rendered >= tick_frame(stream)) {
		record_event(record, "position", ",\"frames\":%llu,\"session_us\":%llu,\"ring_bytes\":%llu",
			     (unsigned long long)stream->rendered,
			     (unsigned long long)(session_time_us ? session_time_us(stream->session) : 0),
			     (unsigned long long)(record->bytes_received - record->bytes_decoded));
		stream->next_tick = stream->rendered * TICKS_PER_S / record->rate + 1;
	}
	answer_rendered(stream);
}

/* --- decoding --- */

static void set_audio(struct stream *stream, const struct pcm *pcm)
{
	struct record *record = &stream->record;

	record->rate = pcm->rate;
	record->channels = pcm->channels;
	record->bits = pcm->bits;
	stream->frame_bytes = pcm->channels * ((pcm->bits + 7) / 8);
	stream->next_tick = 1;
	update(stream);
}

static void accept_pcm(struct stream *stream, const struct pcm *pcm)
{
	struct record *record = &stream->record;
	const uint8_t *data = pcm->data;
	size_t frames = pcm->frames;

	if (!record->rate) {
		set_audio(stream, pcm);
	} else if (record->rate != pcm->rate || record->channels != pcm->channels || record->bits != pcm->bits) {
		record_error(record, "The audio changes from %u Hz, %u channels, %u bits to %u Hz, %u channels, %u bits: "
			     "the %s part is not rendered.", record->rate, record->channels, record->bits, pcm->rate,
			     pcm->channels, pcm->bits, stream->anchored || stream->rendered ? "second" : "first");
		if (stream->anchored || stream->rendered)
			return;
		/* not heard yet, so it may have been junk that looked like a frame */
		fifo_cut(&stream->fifo, stream->fifo.level);
		stream->decoded = 0;
		set_audio(stream, pcm);
	}
	if (stream->drop_initial) {
		size_t drop = stream->drop_initial < frames ? stream->drop_initial : frames;

		stream->drop_initial -= (uint32_t)drop;
		data += drop * stream->frame_bytes;
		frames -= drop;
	}
	if (!fifo_push(&stream->fifo, data, frames * stream->frame_bytes)) {
		record_error(record, "There is no memory for the decoded audio.");
		return;
	}
	stream->decoded += frames;
}

/* All of the write at the head is decoded. */
static void finish_write(struct stream *stream)
{
	struct item *item = stream->pending.first;

	if (stream->writes_playing) {
		item->at_frame = stream->decoded;
		move_first(&stream->pending, &stream->playing);
		return;
	}
	unlink_first(&stream->pending);
	write_done(stream, &item->command, &item->write, ADSP_EOK);
	free(item);
}

/* All before the EOS at the head is decoded. */
static void finish_track(struct stream *stream)
{
	uint64_t cut = stream->decoded - stream->rendered;

	if (cut > stream->hold_trailing)
		cut = stream->hold_trailing;
	fifo_cut(&stream->fifo, (size_t)cut * stream->frame_bytes);
	stream->decoded -= cut;
	stream->hold_trailing = 0;
	stream->track_bytes = 0;
	stream->finishing = false;
	stream->ended = true;
	stream->pending.first->at_frame = stream->decoded;
	move_first(&stream->pending, &stream->playing);
	if (stream->decoder)
		decoder_reset(stream->decoder);
}

/* The decoder wants data: gives it some. Returns false if there is none. */
static bool feed(struct stream *stream)
{
	struct item *item = stream->pending.first;
	uint8_t data[DECODER_CHUNK];
	uint32_t left;

	if (!item)
		return false;
	if (item->kind == ITEM_EOS) {
		decoder_finish(stream->decoder);
		stream->finishing = true;
		return true;
	}
	left = item->write.length - item->taken;
	if (!left) {
		finish_write(stream);
		return true;
	}
	if (stream->record.eos && stream->record.drained) {
		/* a new track after the old one's end */
		stream->record.eos = stream->record.drained = false;
		stream->record.eos_us = stream->record.eos_rendered_us = RECORD_NOT_YET;
	}
	if (left > sizeof(data))
		left = sizeof(data);
	if (take(stream, item, data, left)) {
		decoder_feed(stream->decoder, data, left);
	} else {
		unlink_first(&stream->pending);
		write_done(stream, &item->command, &item->write, ADSP_EFAILED);
		free(item);
	}
	return true;
}

static bool below(const struct stream *stream, uint32_t ms)
{
	return playable(stream) - stream->rendered <= frames_of_ms(stream, ms);
}

/* Decodes until the FIFO is full, there is no data, or a slice is done. */
static void decode(struct stream *stream)
{
	size_t slice = 0;

	while (slice < SLICE_FRAMES && !stream->starved_decoder) {
		struct item *item = stream->pending.first;
		struct pcm pcm;

		if (stream->ended && !(item && item->kind == ITEM_EOS)) {
			stream->starved_decoder = true;
			break;
		}
		if (stream->ended || (item && item->kind == ITEM_EOS && !stream->decoder)) {
			finish_track(stream);
			continue;
		}
		if (!stream->decoder) {
			stream->starved_decoder = true;
			break;
		}
		if (!stream->refill)
			break;
		switch (decoder_decode(stream->decoder, stream->hungry, &pcm)) {
		case DECODE_PCM:
			accept_pcm(stream, &pcm);
			slice += pcm.frames;
			if (stream->record.rate && !below(stream, FIFO_HIGH_MS))
				stream->refill = false;
			break;
		case DECODE_NEED_DATA:
			if (!feed(stream))
				stream->starved_decoder = true;
			break;
		case DECODE_END:
			finish_track(stream);
			break;
		}
	}
	if (stream->decoder && stream->decoder->error[0] && !stream->error_shown) {
		record_error(&stream->record, "%s", stream->decoder->error);
		stream->error_shown = true;
	}
}

/* An EOS with no data before it is answered even while the stream does not run. */
static void answer_empty_eos(struct stream *stream)
{
	while (stream->pending.first && stream->pending.first->kind == ITEM_EOS && !stream->finishing &&
	       stream->rendered == stream->decoded && !stream->track_bytes)
		finish_track(stream);
	answer_rendered(stream);
}

void stream_advance(struct stream *stream, uint64_t now, bool may_start)
{
	if (!stream->running) {
		answer_empty_eos(stream);
		return;
	}
	render(stream, now);
	if (stream->record.rate && below(stream, FIFO_LOW_MS))
		stream->refill = true;
	if (stream->refill && stream->starved_decoder && !stream->hungry && !stream->pending.first &&
	    below(stream, FIFO_LOW_MS)) {
		/* the decoder may have wanted to see more than it needs */
		wake_decoder(stream);
		stream->hungry = true;
	}
	decode(stream);
	if (!stream->anchored && may_start && playable(stream) > stream->rendered) {
		stream->anchored = true;
		stream->anchor_ns = now;
		stream->anchor_frame = stream->rendered;
	}
	answer_rendered(stream);
	if (!stream->anchored)
		return;
	if (playable(stream) > stream->rendered || !stream->starved_decoder) {
		stream->starving = false;
	} else if (!stream->track_bytes) {
		/* at an EOS, not in the middle of a track */
		stop_clock(stream);
		update(stream);
	} else if (!stream->starving) {
		/* counted from when it is noticed: a late wake-up of this program is not the writer's fault */
		stream->starving = true;
		stream->starving_since = now;
	} else if (now - stream->starving_since >= GRACE_NS) {
		stream->record.underruns++;
		record_event(&stream->record, "underrun", ",\"frames\":%llu", (unsigned long long)stream->rendered);
		stop_clock(stream);
		update(stream);
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t stream_deadline(const struct stream *stream)
{
	uint64_t deadline = CLOCK_NEVER, last;

	if (!stream->running)
		return CLOCK_NEVER;
	if (stream->refill && !stream->starved_decoder)
		return 0;
	if (!stream->anchored)
		return CLOCK_NEVER;
	if (stream->starving)
		return stream->starving_since + GRACE_NS;
	last = playable(stream);
	if (last > stream->rendered) {
		uint64_t low = frames_of_ms(stream, FIFO_LOW_MS), tick = tick_frame(stream);

		deadline = time_of(stream, last);
		if (tick < last)
			deadline = earlier(deadline, time_of(stream, tick));
		if (last > low && last - low > stream->rendered)
			deadline = earlier(deadline, time_of(stream, last - low));
		if (stream->playing.first)
			deadline = earlier(deadline, time_of(stream, stream->playing.first->at_frame));
	}
	return deadline;
}

bool stream_busy(const struct stream *stream)
{
	return stream->track_bytes || stream->playing.first || stream->rendered < stream->decoded ||
	       (stream->pending.first && !stream->ended);
}

void stream_print(const struct stream *stream, FILE *out)
{
	struct record record = stream->record;

	record.state = state_name(stream);
	record_print(&record, out);
}
