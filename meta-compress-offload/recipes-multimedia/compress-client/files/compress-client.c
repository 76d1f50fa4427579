// SPDX-License-Identifier: MIT
/*
 * A client of the kernel's compress-offload devices (/dev/snd/comprC*D*), for
 * tests: it does what it is told and says what it saw, one JSON object a line.
 */

#define _GNU_SOURCE	/* strerrorname_np() */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sound/compress_offload.h>

#include "header.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))

enum exit_code {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static const char usage[] =
"usage: compress-client COMMAND [OPTION...] [FILE]\n"
"\n"
"Commands:\n"
"  caps          what the device can do\n"
"  codec-caps    what it can do with --codec\n"
"  params        set the parameters and read them back\n"
"  play FILE     write the bytes of FILE as they are, start, and drain\n"
"  pause FILE    play, but pause after --pause-at bytes (default 0) for --pause-ms, and\n"
"                fail if the device takes more than one fragment in the pause\n"
"  album FILE[,DELAY,PADDING]...\n"
"                play one after the other without a gap, with the samples that the\n"
"                encoder has put before and behind each\n"
"  restart FILE  play for --after ms and stop, --count times, and play all of FILE on the\n"
"                same device\n"
"  drain-pause FILE\n"
"                play, and pause --after ms into the drain for --pause-ms\n"
"  lose FILE     play until the device is lost, and tell what each call says then\n"
"  cycle FILE    open, play for --after ms and close, --count times\n"
"\n"
"Options:\n"
"  -D, --device PATH         default /dev/snd/comprC0D3\n"
"  -c, --codec NAME          mp3, flac, wma, alac, ape, aac or pcm; default: mp3, or\n"
"                            flac if FILE is one\n"
"  -r, --rate HZ             default 44100, or as in the FLAC file\n"
"  -n, --channels N          default 2, or as in the FLAC file\n"
"  -s, --set FIELD=VALUE     any other field of struct snd_codec, or of its options:\n"
"                            bit_rate, profile, format, align, pcm_format, flac.sample_size,\n"
"                            wma.encoder_option, alac.frame_length, ape.total_frames ...\n"
"  -f, --fragment-size BYTES default: the smallest of the device\n"
"  -F, --fragments N         default: the fewest of the device\n"
"  -w, --write-size BYTES    bytes of one write(); default: one fragment\n"
"  -H, --skip-header         leave out FLAC's metadata or MP3's ID3v2 tag\n"
"  -p, --pause-at BYTES      pause once the device has taken that many; for 'pause'\n"
"                            the default is half of FILE\n"
"  -P, --pause-ms MS         length of the pause; default 500\n"
"  -N, --no-drain            stop at once when all is written\n"
"  -d, --drain-delay MS      wait before draining, so that the device runs dry; default 0\n"
"  -i, --tstamp-interval MS  print timestamps; default 0: none\n"
"  -a, --after MS            default 300\n"
"  -C, --count N             default 1\n"
"  -e, --early               write of the next track what fits before draining the last\n"
"  -l, --late-metadata       tell of the first track's delay and padding after its first\n"
"                            write, not before\n"
"  -t, --timeout SECONDS     give up when nothing moves for so long; default 30\n"
"  -h, --help\n"
"\n"
"Exit code: 0 good, 1 the device failed, 2 usage or FILE.\n";

/* The fields of struct snd_codec that --set knows. */
#define FIELD(name, member) \
	{ name, offsetof(struct snd_codec, member), sizeof(((struct snd_codec *)0)->member) }

static const struct field {
	const char *name;
	size_t offset;
	size_t size;
} fields[] = {
	FIELD("bit_rate", bit_rate),
	FIELD("rate_control", rate_control),
	FIELD("profile", profile),
	FIELD("level", level),
	FIELD("ch_mode", ch_mode),
	FIELD("format", format),
	FIELD("align", align),
	/* called pcm_format from Linux 6.13 on */
	FIELD("pcm_format", reserved[0]),
	FIELD("flac.sample_size", options.flac_d.sample_size),
	FIELD("flac.min_blk_size", options.flac_d.min_blk_size),
	FIELD("flac.max_blk_size", options.flac_d.max_blk_size),
	FIELD("flac.min_frame_size", options.flac_d.min_frame_size),
	FIELD("flac.max_frame_size", options.flac_d.max_frame_size),
	FIELD("wma.encoder_option", options.wma_d.encoder_option),
	FIELD("wma.adv_encoder_option", options.wma_d.adv_encoder_option),
	FIELD("wma.adv_encoder_option2", options.wma_d.adv_encoder_option2),
	FIELD("alac.frame_length", options.alac_d.frame_length),
	FIELD("alac.compatible_version", options.alac_d.compatible_version),
	FIELD("alac.pb", options.alac_d.pb),
	FIELD("alac.mb", options.alac_d.mb),
	FIELD("alac.kb", options.alac_d.kb),
	FIELD("alac.max_run", options.alac_d.max_run),
	FIELD("alac.max_frame_bytes", options.alac_d.max_frame_bytes),
	FIELD("ape.compatible_version", options.ape_d.compatible_version),
	FIELD("ape.compression_level", options.ape_d.compression_level),
	FIELD("ape.format_flags", options.ape_d.format_flags),
	FIELD("ape.blocks_per_frame", options.ape_d.blocks_per_frame),
	FIELD("ape.final_frame_blocks", options.ape_d.final_frame_blocks),
	FIELD("ape.total_frames", options.ape_d.total_frames),
	FIELD("ape.seek_table_present", options.ape_d.seek_table_present),
};

/* The most --set options on a command line. */
#define SETTINGS_MAX	ARRAY_SIZE(fields)

struct options {
	const char *command;
	const char *file;
	char **files;
	const char *device;
	const char *codec;
	unsigned int rate;
	unsigned int channels;
	struct setting {
		const struct field *field;
		uint32_t value;
	} settings[SETTINGS_MAX];
	size_t setting_count;
	unsigned int fragment_size;
	unsigned int fragments;
	unsigned int write_size;
	bool skip_header;
	bool pause;
	uint64_t pause_at;
	unsigned int pause_ms;
	bool no_drain;
	unsigned int drain_delay_ms;
	unsigned int tstamp_ms;
	unsigned int after_ms;
	unsigned int count;
	bool early;
	bool late_metadata;
	unsigned int timeout_s;
};

static const struct codec_name {
	const char *name;
	uint32_t id;
} codec_names[] = {
	{ "pcm", SND_AUDIOCODEC_PCM },
	{ "mp3", SND_AUDIOCODEC_MP3 },
	{ "aac", SND_AUDIOCODEC_AAC },
	{ "wma", SND_AUDIOCODEC_WMA },
	{ "flac", SND_AUDIOCODEC_FLAC },
	{ "alac", SND_AUDIOCODEC_ALAC },
	{ "ape", SND_AUDIOCODEC_APE },
};

/* The media to play, mapped. */
struct media {
	const uint8_t *data;
	size_t length;
	size_t start;
};

struct stream {
	const struct options *options;
	int fd;
	unsigned int fragment_size;
	bool started;
	uint64_t next_tstamp_us;
};

__attribute__((format(printf, 2, 3), noreturn))
static void die(enum exit_code code, const char *format, ...)
{
	va_list arguments;

	fputs("compress-client: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(code);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void print_event(const char *event)
{
	printf("{\"event\": \"%s\", \"t_us\": %" PRIu64 "}\n", event, now_us());
	fflush(stdout);
}

static void print_end(size_t bytes)
{
	printf("{\"event\": \"end\", \"t_us\": %" PRIu64 ", \"bytes\": %zu}\n", now_us(), bytes);
}

static const char *codec_name(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(codec_names); i++)
		if (codec_names[i].id == id)
			return codec_names[i].name;

	return "unknown";
}

static uint32_t codec_id(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(codec_names); i++)
		if (!strcmp(codec_names[i].name, name))
			return codec_names[i].id;

	die(EXIT_USAGE, "no codec is called '%s'", name);
}

/* The device */

static int open_device(const struct options *options)
{
	int fd = open(options->device, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die(EXIT_FAILED, "cannot open %s: %s", options->device, strerror(errno));

	return fd;
}

static void device_ioctl(int fd, unsigned long request, void *argument, const char *what)
{
	if (ioctl(fd, request, argument) < 0)
		die(EXIT_FAILED, "the device refuses to %s: %s", what, strerror(errno));
}

static struct snd_compr_caps get_caps(int fd)
{
	struct snd_compr_caps caps = { 0 };

	device_ioctl(fd, SNDRV_COMPRESS_GET_CAPS, &caps, "tell its capabilities");
	if (caps.num_codecs > ARRAY_SIZE(caps.codecs))
		die(EXIT_FAILED, "the device claims %u codecs", caps.num_codecs);

	return caps;
}

static struct snd_compr_tstamp get_tstamp(const struct stream *stream)
{
	struct snd_compr_tstamp tstamp = { 0 };

	device_ioctl(stream->fd, SNDRV_COMPRESS_TSTAMP, &tstamp, "tell its position");

	return tstamp;
}

static uint64_t get_avail(const struct stream *stream)
{
	struct snd_compr_avail avail = { 0 };

	device_ioctl(stream->fd, SNDRV_COMPRESS_AVAIL, &avail, "tell its free space");

	return avail.avail;
}

static void print_tstamp(const char *event, const struct snd_compr_tstamp *tstamp)
{
	printf("{\"event\": \"%s\", \"t_us\": %" PRIu64 ", \"byte_offset\": %u, "
	       "\"copied_total\": %u, \"pcm_frames\": %u, \"pcm_io_frames\": %u, "
	       "\"sampling_rate\": %u}\n", event, now_us(), tstamp->byte_offset,
	       tstamp->copied_total, tstamp->pcm_frames, tstamp->pcm_io_frames,
	       tstamp->sampling_rate);
	fflush(stdout);
}

static void tick(struct stream *stream)
{
	struct snd_compr_tstamp tstamp;

	if (!stream->options->tstamp_ms || now_us() < stream->next_tstamp_us)
		return;

	tstamp = get_tstamp(stream);
	print_tstamp("tstamp", &tstamp);
	stream->next_tstamp_us = now_us() + stream->options->tstamp_ms * 1000ull;
}

/* Parameters */

static void fill_flac_options(struct snd_dec_flac *flac, const struct flac_stream_info *info)
{
	flac->sample_size = info->bits;
	flac->min_blk_size = info->min_block_size;
	flac->max_blk_size = info->max_block_size;
	/* 24 bits in the file, 16 in the interface: 0 says unknown. */
	flac->min_frame_size = info->min_frame_size <= UINT16_MAX ? info->min_frame_size : 0;
	flac->max_frame_size = info->max_frame_size <= UINT16_MAX ? info->max_frame_size : 0;
}

static struct snd_codec make_codec(const struct options *options, const struct media *media)
{
	struct snd_codec codec = { 0 };
	struct flac_stream_info info;
	bool flac = media && flac_read_stream_info(media->data, media->length, &info);
	const char *name = options->codec ? options->codec : flac ? "flac" : "mp3";

	codec.id = codec_id(name);
	codec.sample_rate = options->rate ? options->rate : flac ? info.rate : 44100;
	codec.ch_in = options->channels ? options->channels : flac ? info.channels : 2;
	codec.ch_out = codec.ch_in;
	if (codec.id == SND_AUDIOCODEC_FLAC && flac)
		fill_flac_options(&codec.options.flac_d, &info);
	for (size_t i = 0; i < options->setting_count; i++) {
		const struct setting *setting = &options->settings[i];

		/* little-endian, as all machines that have such devices here */
		memcpy((uint8_t *)&codec + setting->field->offset, &setting->value,
		       setting->field->size);
	}

	return codec;
}

static void set_params(struct stream *stream, const struct media *media)
{
	const struct options *options = stream->options;
	struct snd_compr_caps caps = get_caps(stream->fd);
	struct snd_compr_params params = { 0 };

	params.buffer.fragment_size = options->fragment_size ? options->fragment_size
							     : caps.min_fragment_size;
	params.buffer.fragments = options->fragments ? options->fragments : caps.min_fragments;
	params.codec = make_codec(options, media);
	if (ioctl(stream->fd, SNDRV_COMPRESS_SET_PARAMS, &params) < 0)
		die(EXIT_FAILED, "the device refuses %s at %u Hz with %u channels: %s%s",
		    codec_name(params.codec.id), params.codec.sample_rate, params.codec.ch_in,
		    strerror(errno),
		    errno == EINVAL ? " (is its front end routed to an output?)" : "");
	stream->fragment_size = params.buffer.fragment_size;

	printf("{\"event\": \"params\", \"t_us\": %" PRIu64 ", \"codec\": \"%s\", \"rate\": %u, "
	       "\"channels\": %u, \"fragment_size\": %u, \"fragments\": %u}\n", now_us(),
	       codec_name(params.codec.id), params.codec.sample_rate, params.codec.ch_in,
	       params.buffer.fragment_size, params.buffer.fragments);
	fflush(stdout);
}

/* Playing */

static struct media map_media(const struct options *options)
{
	struct media media = { 0 };
	struct stat status;
	int fd = open(options->file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0)
		die(EXIT_USAGE, "cannot read %s: %s", options->file, strerror(errno));
	if (!S_ISREG(status.st_mode) || !status.st_size)
		die(EXIT_USAGE, "%s is no file with data", options->file);

	media.length = status.st_size;
	media.data = mmap(NULL, media.length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (media.data == MAP_FAILED)
		die(EXIT_USAGE, "cannot map %s: %s", options->file, strerror(errno));
	close(fd);

	if (options->skip_header) {
		media.start = flac_header_length(media.data, media.length);
		if (!media.start)
			media.start = mp3_header_length(media.data, media.length);
	}

	return media;
}

static void set_metadata(int fd, uint32_t key, uint32_t value)
{
	struct snd_compr_metadata metadata = { .key = key, .value[0] = value };

	device_ioctl(fd, SNDRV_COMPRESS_SET_METADATA, &metadata, "take metadata");
}

/* Waits until a fragment is free. The time limit counts from the last one taken. */
static void wait_for_space(struct stream *stream)
{
	uint64_t deadline = now_us() + stream->options->timeout_s * 1000000ull;
	struct pollfd pollfd = { .fd = stream->fd, .events = POLLOUT };

	for (;;) {
		uint64_t now = now_us();
		unsigned int step = stream->options->tstamp_ms ? stream->options->tstamp_ms : 1000;
		int ret;

		if (now >= deadline)
			die(EXIT_FAILED, "the device has taken nothing for %u s",
			    stream->options->timeout_s);
		ret = poll(&pollfd, 1, MIN(step, (deadline - now) / 1000 + 1));
		if (ret < 0 && errno != EINTR)
			die(EXIT_FAILED, "cannot wait for the device: %s", strerror(errno));
		tick(stream);
		if (ret > 0 && pollfd.revents & (POLLERR | POLLHUP | POLLNVAL))
			die(EXIT_FAILED, "the device is in an error state");
		if (ret > 0)
			return;
	}
}

static void sleep_ms(struct stream *stream, unsigned int ms)
{
	uint64_t end = now_us() + ms * 1000ull;

	while (now_us() < end) {
		usleep(10000);
		tick(stream);
	}
}

/* Pauses and resumes; false if the device took more than a fragment in between. */
static bool hold(struct stream *stream)
{
	struct snd_compr_tstamp before, after;

	device_ioctl(stream->fd, SNDRV_COMPRESS_PAUSE, NULL, "pause");
	before = get_tstamp(stream);
	print_tstamp("pause", &before);
	sleep_ms(stream, stream->options->pause_ms);
	after = get_tstamp(stream);
	device_ioctl(stream->fd, SNDRV_COMPRESS_RESUME, NULL, "resume");
	print_tstamp("resume", &after);

	return after.copied_total - before.copied_total <= stream->fragment_size;
}

static void on_alarm(int signal)
{
	(void)signal;
}

/*
 * Draining blocks in the kernel, so only a signal ends it. The timer repeats, lest
 * it fires just before the ioctl.
 */
static void drain_by(struct stream *stream, unsigned long request)
{
	struct itimerval timer = { .it_value.tv_sec = stream->options->timeout_s,
				   .it_interval.tv_usec = 100000 };
	struct sigaction action = { .sa_handler = on_alarm };
	int ret;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	ret = ioctl(stream->fd, request);
	if (ret < 0 && errno == EINTR)
		die(EXIT_FAILED, "the drain did not end in %u s", stream->options->timeout_s);
	if (ret < 0)
		die(EXIT_FAILED, "the device refuses to drain: %s", strerror(errno));
	timer = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void drain(struct stream *stream)
{
	drain_by(stream, SNDRV_COMPRESS_DRAIN);
}

static void start(struct stream *stream)
{
	if (stream->started)
		return;
	stream->started = true;
	device_ioctl(stream->fd, SNDRV_COMPRESS_START, NULL, "start");
	print_event("start");
}

/* Pauses once the device has taken options->pause_at bytes; true when that is done. */
static bool pause_when_due(struct stream *stream)
{
	if (get_tstamp(stream).copied_total < stream->options->pause_at)
		return false;

	if (!hold(stream))
		die(EXIT_FAILED, "the device took data while it was paused");

	return true;
}

static void write_media(struct stream *stream, const struct media *media)
{
	size_t write_size = stream->options->write_size ? stream->options->write_size
							: stream->fragment_size;
	bool paused = !stream->options->pause;
	size_t offset = media->start;

	while (offset < media->length) {
		size_t part = MIN(write_size, media->length - offset);
		ssize_t written;

		if (get_avail(stream) < MIN(part, stream->fragment_size)) {
			start(stream);
			wait_for_space(stream);
			paused = paused || pause_when_due(stream);
			continue;
		}

		written = write(stream->fd, media->data + offset, part);
		if (written < 0)
			die(EXIT_FAILED, "the device refuses data at byte %zu: %s",
			    offset - media->start, strerror(errno));
		offset += written;
		tick(stream);
	}

	start(stream);
	for (uint64_t deadline = now_us() + stream->options->timeout_s * 1000000ull;
	     !paused && !pause_when_due(stream); sleep_ms(stream, 1))
		if (now_us() > deadline)
			die(EXIT_FAILED, "the device did not come to byte %" PRIu64 " in %u s",
			    stream->options->pause_at, stream->options->timeout_s);
}

static enum exit_code play(const struct options *options)
{
	struct media media = map_media(options);
	struct stream stream = { .options = options, .fd = open_device(options) };
	struct snd_compr_tstamp tstamp;

	set_params(&stream, &media);
	write_media(&stream, &media);

	if (options->no_drain) {
		device_ioctl(stream.fd, SNDRV_COMPRESS_STOP, NULL, "stop");
		print_event("stop");
	} else {
		sleep_ms(&stream, options->drain_delay_ms);
		print_event("drain");
		drain(&stream);
		tstamp = get_tstamp(&stream);
		print_tstamp("drained", &tstamp);
	}
	close(stream.fd);

	print_end(media.length - media.start);

	return EXIT_GOOD;
}

/* The tracks of an album */

struct track {
	struct media media;
	uint32_t delay, padding;
};

static struct track parse_track(const struct options *options, char *text)
{
	struct options one = *options;
	struct track track = { 0 };
	char *comma = strchr(text, ',');

	if (comma) {
		*comma = 0;
		if (sscanf(comma + 1, "%" SCNu32 ",%" SCNu32, &track.delay, &track.padding) != 2)
			die(EXIT_USAGE, "'%s' is no DELAY,PADDING", comma + 1);
	}
	one.file = text;
	track.media = map_media(&one);

	return track;
}

static void tell(struct stream *stream, const struct track *track)
{
	set_metadata(stream->fd, SNDRV_COMPRESS_ENCODER_PADDING, track->padding);
	set_metadata(stream->fd, SNDRV_COMPRESS_ENCODER_DELAY, track->delay);
}

/* Writes what there is room for; the room that the device claims is printed. */
static void write_ahead(struct stream *stream, struct media *media)
{
	uint64_t avail = get_avail(stream);
	size_t part = MIN(avail, media->length - media->start);
	ssize_t written = write(stream->fd, media->data + media->start, part);

	if (written < 0)
		die(EXIT_FAILED, "the device refuses the next track: %s", strerror(errno));
	media->start += written;
	printf("{\"event\": \"ahead\", \"t_us\": %" PRIu64 ", \"avail\": %" PRIu64
	       ", \"bytes\": %zd}\n", now_us(), avail, written);
}

static enum exit_code album(const struct options *options)
{
	struct stream stream = { .options = options, .fd = open_device(options) };
	struct snd_compr_tstamp tstamp;
	struct track tracks[16] = { 0 };
	size_t count = 0, bytes = 0;

	for (char **file = options->files; *file; file++) {
		if (count == ARRAY_SIZE(tracks))
			die(EXIT_USAGE, "that are too many tracks");
		tracks[count] = parse_track(options, *file);
		bytes += tracks[count].media.length - tracks[count].media.start;
		count++;
	}

	set_params(&stream, &tracks[0].media);
	if (!options->late_metadata)
		tell(&stream, &tracks[0]);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 && options->late_metadata) {
			write_ahead(&stream, &tracks[0].media);
			tell(&stream, &tracks[0]);
		}
		write_media(&stream, &tracks[i].media);
		if (i + 1 == count)
			break;
		device_ioctl(stream.fd, SNDRV_COMPRESS_NEXT_TRACK, NULL, "change the track");
		tell(&stream, &tracks[i + 1]);
		if (options->early)
			write_ahead(&stream, &tracks[i + 1].media);
		drain_by(&stream, SNDRV_COMPRESS_PARTIAL_DRAIN);
		tstamp = get_tstamp(&stream);
		print_tstamp("track", &tstamp);
		printf("{\"event\": \"room\", \"t_us\": %" PRIu64 ", \"avail\": %" PRIu64 "}\n",
		       now_us(), get_avail(&stream));
	}
	drain(&stream);
	tstamp = get_tstamp(&stream);
	print_tstamp("drained", &tstamp);
	close(stream.fd);
	print_end(bytes);

	return EXIT_GOOD;
}

/* Plays the beginning: a ring full. */
static void begin(struct stream *stream, struct media *media)
{
	write_ahead(stream, media);
	start(stream);
	sleep_ms(stream, stream->options->after_ms);
}

static enum exit_code restart(const struct options *options)
{
	struct media media = map_media(options);
	struct stream stream = { .options = options, .fd = open_device(options) };
	struct snd_compr_tstamp tstamp;

	set_params(&stream, &media);
	for (unsigned int i = 0; i < options->count; i++) {
		struct media first = media;

		begin(&stream, &first);
		device_ioctl(stream.fd, SNDRV_COMPRESS_STOP, NULL, "stop");
		tstamp = get_tstamp(&stream);
		print_tstamp("stop", &tstamp);
		stream.started = false;
	}
	write_media(&stream, &media);
	drain(&stream);
	tstamp = get_tstamp(&stream);
	print_tstamp("drained", &tstamp);
	close(stream.fd);
	print_end(media.length - media.start);

	return EXIT_GOOD;
}

static enum exit_code drain_pause(const struct options *options)
{
	struct media media = map_media(options);
	struct stream stream = { .options = options, .fd = open_device(options) };
	struct snd_compr_tstamp tstamp;
	int status;
	pid_t child;

	set_params(&stream, &media);
	write_media(&stream, &media);
	child = fork();
	if (child < 0)
		die(EXIT_FAILED, "cannot fork: %s", strerror(errno));
	if (!child) {
		drain(&stream);
		tstamp = get_tstamp(&stream);
		print_tstamp("drained", &tstamp);
		_exit(EXIT_GOOD);
	}
	sleep_ms(&stream, options->after_ms);
	hold(&stream);
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		die(EXIT_FAILED, "the drain did not end");
	close(stream.fd);

	return WEXITSTATUS(status);
}

static void print_call(const char *call, int ret)
{
	printf("{\"event\": \"call\", \"t_us\": %" PRIu64 ", \"call\": \"%s\", \"error\": \"%s\"}\n",
	       now_us(), call, ret < 0 ? strerrorname_np(errno) : "");
	fflush(stdout);
}

static enum exit_code lose(const struct options *options)
{
	struct media media = map_media(options);
	struct stream stream = { .options = options, .fd = open_device(options) };
	struct pollfd pollfd = { .fd = stream.fd, .events = POLLOUT };
	struct snd_compr_avail avail;
	struct media rest = media;

	set_params(&stream, &media);
	begin(&stream, &rest);
	write_ahead(&stream, &rest);
	/* a ring that is full: who plays this waits */
	do {
		if (poll(&pollfd, 1, options->timeout_s * 1000) <= 0)
			die(EXIT_FAILED, "nothing has happened for %u s", options->timeout_s);
		if (!(pollfd.revents & (POLLERR | POLLHUP)) && rest.start < rest.length)
			write_ahead(&stream, &rest);
	} while (!(pollfd.revents & (POLLERR | POLLHUP)));
	print_event("lost");
	print_call("write", write(stream.fd, media.data + media.start, 1));
	print_call("avail", ioctl(stream.fd, SNDRV_COMPRESS_AVAIL, &avail));
	print_call("drain", ioctl(stream.fd, SNDRV_COMPRESS_DRAIN));
	print_call("close", close(stream.fd));

	return EXIT_GOOD;
}

static enum exit_code cycle(const struct options *options)
{
	struct media media = map_media(options);

	for (unsigned int i = 0; i < options->count; i++) {
		struct stream stream = { .options = options, .fd = open_device(options) };
		struct media from = media;

		set_params(&stream, &media);
		begin(&stream, &from);
		close(stream.fd);
	}
	print_end(0);

	return EXIT_GOOD;
}

/* Asking */

static enum exit_code show_caps(const struct options *options)
{
	int fd = open_device(options), version = 0;
	struct snd_compr_caps caps = get_caps(fd);

	device_ioctl(fd, SNDRV_COMPRESS_IOCTL_VERSION, &version, "tell its version");
	printf("{\"version\": \"%d.%d.%d\", \"direction\": \"%s\", \"min_fragment_size\": %u, "
	       "\"max_fragment_size\": %u, \"min_fragments\": %u, \"max_fragments\": %u, "
	       "\"codecs\": [", version >> 16, version >> 8 & 0xff, version & 0xff,
	       caps.direction == SND_COMPRESS_PLAYBACK ? "playback" : "capture",
	       caps.min_fragment_size, caps.max_fragment_size, caps.min_fragments,
	       caps.max_fragments);
	for (unsigned int i = 0; i < caps.num_codecs; i++)
		printf("%s\"%s\"", i ? ", " : "", codec_name(caps.codecs[i]));
	puts("]}");
	close(fd);

	return EXIT_GOOD;
}

static enum exit_code show_codec_caps(const struct options *options)
{
	const char *name = options->codec ? options->codec : "mp3";
	struct snd_compr_codec_caps caps = { .codec = codec_id(name) };
	int fd = open_device(options);

	device_ioctl(fd, SNDRV_COMPRESS_GET_CODEC_CAPS, &caps, "tell a codec's capabilities");
	if (caps.num_descriptors > ARRAY_SIZE(caps.descriptor))
		die(EXIT_FAILED, "the device claims %u descriptors", caps.num_descriptors);

	printf("{\"codec\": \"%s\", \"descriptors\": [", name);
	for (unsigned int i = 0; i < caps.num_descriptors; i++) {
		const struct snd_codec_desc *desc = &caps.descriptor[i];

		printf("%s{\"max_channels\": %u, \"profiles\": %u, \"modes\": %u, \"formats\": %u, "
		       "\"rates\": [", i ? ", " : "", desc->max_ch, desc->profiles, desc->modes,
		       desc->formats);
		for (unsigned int j = 0;
		     j < MIN(desc->num_sample_rates, ARRAY_SIZE(desc->sample_rates)); j++)
			printf("%s%u", j ? ", " : "", desc->sample_rates[j]);
		fputs("]}", stdout);
	}
	puts("]}");
	close(fd);

	return EXIT_GOOD;
}

static enum exit_code show_params(const struct options *options)
{
	struct stream stream = { .options = options, .fd = open_device(options) };
	struct snd_codec codec = { 0 };

	set_params(&stream, NULL);
	device_ioctl(stream.fd, SNDRV_COMPRESS_GET_PARAMS, &codec, "tell its parameters");
	printf("{\"event\": \"read-back\", \"t_us\": %" PRIu64 ", \"codec\": \"%s\", \"id\": %u, "
	       "\"rate\": %u, \"channels\": %u}\n", now_us(), codec_name(codec.id), codec.id,
	       codec.sample_rate, codec.ch_in);
	close(stream.fd);

	return EXIT_GOOD;
}

/* The command line */

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
		die(EXIT_USAGE, "'%s' is no number from %" PRIu64 " to %" PRIu64, text, least, most);

	return value;
}

static void add_setting(struct options *options, char *text)
{
	char *value = strchr(text, '=');
	struct setting *setting = &options->settings[options->setting_count];

	if (!value)
		die(EXIT_USAGE, "'%s' is no FIELD=VALUE", text);
	if (options->setting_count == SETTINGS_MAX)
		die(EXIT_USAGE, "too many fields are set");
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, text))
			setting->field = &fields[i];
	if (!setting->field)
		die(EXIT_USAGE, "no field is called '%s'", text);
	setting->value = number(value, 0, (1ull << (8 * setting->field->size)) - 1);
	options->setting_count++;
}

static struct options parse(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "device", required_argument, NULL, 'D' },
		{ "codec", required_argument, NULL, 'c' },
		{ "rate", required_argument, NULL, 'r' },
		{ "channels", required_argument, NULL, 'n' },
		{ "set", required_argument, NULL, 's' },
		{ "fragment-size", required_argument, NULL, 'f' },
		{ "fragments", required_argument, NULL, 'F' },
		{ "write-size", required_argument, NULL, 'w' },
		{ "skip-header", no_argument, NULL, 'H' },
		{ "pause-at", required_argument, NULL, 'p' },
		{ "pause-ms", required_argument, NULL, 'P' },
		{ "no-drain", no_argument, NULL, 'N' },
		{ "drain-delay", required_argument, NULL, 'd' },
		{ "tstamp-interval", required_argument, NULL, 'i' },
		{ "after", required_argument, NULL, 'a' },
		{ "count", required_argument, NULL, 'C' },
		{ "early", no_argument, NULL, 'e' },
		{ "late-metadata", no_argument, NULL, 'l' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options options = {
		.device = "/dev/snd/comprC0D3",
		.pause_ms = 500,
		.after_ms = 300,
		.count = 1,
		.timeout_s = 30,
	};
	int option;

	while ((option = getopt_long(argc, argv, "D:c:r:n:s:f:F:w:Hp:P:Nd:i:a:C:elt:h", long_options,
				     NULL)) != -1) {
		switch (option) {
		case 'D':
			options.device = optarg;
			break;
		case 'c':
			options.codec = optarg;
			codec_id(optarg);
			break;
		case 'r':
			options.rate = number(optarg, 1, 1000000);
			break;
		case 'n':
			options.channels = number(optarg, 1, 32);
			break;
		case 's':
			add_setting(&options, optarg);
			break;
		case 'f':
			options.fragment_size = number(optarg, 1, UINT32_MAX);
			break;
		case 'F':
			options.fragments = number(optarg, 1, UINT32_MAX);
			break;
		case 'w':
			options.write_size = number(optarg, 1, UINT32_MAX);
			break;
		case 'H':
			options.skip_header = true;
			break;
		case 'p':
			options.pause = true;
			options.pause_at = number(optarg, 0, UINT32_MAX);
			break;
		case 'P':
			options.pause_ms = number(optarg, 0, 3600000);
			break;
		case 'N':
			options.no_drain = true;
			break;
		case 'd':
			options.drain_delay_ms = number(optarg, 0, 3600000);
			break;
		case 'i':
			options.tstamp_ms = number(optarg, 0, 3600000);
			break;
		case 'a':
			options.after_ms = number(optarg, 0, 3600000);
			break;
		case 'C':
			options.count = number(optarg, 1, UINT32_MAX);
			break;
		case 'e':
			options.early = true;
			break;
		case 'l':
			options.late_metadata = true;
			break;
		case 't':
			options.timeout_s = number(optarg, 1, 3600);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_GOOD);
		default:
			fputs("Try 'compress-client --help'.\n", stderr);
			exit(EXIT_USAGE);
		}
	}

	if (optind == argc)
		die(EXIT_USAGE, "no command; try --help");
	options.command = argv[optind++];
	options.files = argv + optind;
	if (optind < argc)
		options.file = argv[optind++];

	return options;
}

int main(int argc, char **argv)
{
	static const struct command {
		const char *name;
		enum { NO_FILE, ONE_FILE, FILES } files;
		enum exit_code (*run)(const struct options *options);
	} commands[] = {
		{ "caps", NO_FILE, show_caps },
		{ "codec-caps", NO_FILE, show_codec_caps },
		{ "params", NO_FILE, show_params },
		{ "play", ONE_FILE, play },
		{ "pause", ONE_FILE, play },
		{ "album", FILES, album },
		{ "restart", ONE_FILE, restart },
		{ "drain-pause", ONE_FILE, drain_pause },
		{ "lose", ONE_FILE, lose },
		{ "cycle", ONE_FILE, cycle },
	};
	struct options options = parse(argc, argv);

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, options.command))
			continue;
		if ((commands[i].files != NO_FILE) != !!options.file ||
		    (commands[i].files == ONE_FILE && options.files[1]))
			die(EXIT_USAGE, "'%s' takes %s FILE", options.command,
			    commands[i].files ? "one" : "no");
		if (!strcmp(options.command, "pause"))
			options.pause = true;
		return commands[i].run(&options);
	}

	die(EXIT_USAGE, "no command is called '%s'", options.command);
}
