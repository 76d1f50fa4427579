// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "apr.h"
#include "asm.h"
#include "clock.h"
#include "control.h"
#include "fault.h"
#include "log.h"
#include "loop.h"
#include "record.h"
#include "servreg.h"
#include "stream.h"
#include "transport.h"

#define DEFAULT_DEVICE "/dev/virtual-adsp"
#define DEFAULT_RECORD "/run/virtual-adsp/record"
#define DEFAULT_CONTROL "/run/virtual-adsp/control"

#define EXIT_USAGE 2

static const char help[] =
"Usage: virtual-adsp [OPTION]...\n"
"       virtual-adsp [--control SOCKET] --order COMMAND\n"
"\n"
"Plays the audio DSP (ADSP) of a Snapdragon 845 for the Qualcomm audio drivers of\n"
"the kernel that it runs in. It answers the APR services CORE, AFE, ADM and ASM,\n"
"decodes MP3, FLAC and PCM, renders them in real time to a file, and records per\n"
"stream what it was given and what it rendered.\n"
"\n"
"  --device FILE         bridge module's device (default: " DEFAULT_DEVICE ");\n"
"                        the ADSP is up as long as this program has it open\n"
"  --record DIR          folder for the recordings (default: " DEFAULT_RECORD ")\n"
"  --control SOCKET      Unix socket for commands (default: " DEFAULT_CONTROL ")\n"
"  --skew-ppm N          clock of the audio ports, N millionths too fast (-100000..100000)\n"
"  --order COMMAND       sends a command to the program that runs, prints its answer,\n"
"                        and ends with status 1 if it is refused\n"
"  --help, --version\n"
"\n"
"For unit tests, in place of --device:\n"
"  --apr-fd N            inherited SOCK_SEQPACKET socket, one APR packet a message;\n"
"                        the program ends when the other side closes it\n"
"  --memory-file FILE    stands for the shared memory: an address is an offset in it\n"
"  --clock-fd N          inherited socket that moves the clock: send the time (u64, ns)\n"
"                        to which it may run, get the time reached; see clock.c\n"
"\n"
"Commands on the control socket, one a line, each answered by one line of JSON:\n"
"  status                streams, routes, ports, and the CPU time used\n"
"  skew N                clock of the audio ports, N millionths too fast from now on\n"
"  fault WHEN WHAT       something goes wrong, see below; answered with its number\n"
"  faults                the faults, and how often each has struck\n"
"  no-faults             forgets all faults; answers held back are sent, the clock runs,\n"
"                        and there is memory\n"
"  pd-restart            restarts the audio protection domain, as after a crash of the\n"
"                        audio part of the firmware: all streams end, the kernel takes\n"
"                        the sound card away and gets it back\n"
"  crash                 the whole ADSP dies: this program ends with status 3\n"
"  help                  lists the commands\n"
"\n"
"Faults: WHEN counts from the order on, and is one of\n"
"  now, ms:N             at once, N milliseconds later\n"
"  byte:N                when the N-th byte of audio is written\n"
"  COMMAND:K             at the K-th such command, or (faults of answers) the K-th answer\n"
"  COMMAND:K+            there, and at all that follow\n"
"COMMAND is open, format, run, pause, flush, close, write, eos, initial, trailing, map,\n"
"unmap, session-time, or an APR opcode in numbers. WHAT is one of\n"
"  crash, pd-restart     as the commands of that name; a crash ends all faults\n"
"  status:N              the command is not executed, but answered with status N\n"
"  lose, twice           the answer is not sent, or twice\n"
"  late:MS               the answer is sent MS milliseconds late\n"
"  swap                  the answer is sent after the next one, or 100 ms late if that does\n"
"                        not come\n"
"  cut:N                 the answer has only N bytes of its payload\n"
"  clock:stop            nothing is rendered, until\n"
"  clock:run             the clock is right again in all respects\n"
"  clock:MS              the session time that is told jumps by MS milliseconds, may be\n"
"                        negative\n"
"  clock:back            that time runs backwards\n"
"  garbage:SEED          a hundred packets that no DSP may send: damaged answers and random\n"
"                        bytes, drawn from SEED; and the bridge module is misused\n"
"  packet:HEX            a packet of these bytes\n"
"  no-memory             the kernel gets no memory to share with the DSP\n"
"At \"now\", \"ms\" and \"byte\", what befalls a command or an answer befalls the next one.\n"
"\n"
"Recordings: DIR/NNNN, where NNNN counts the streams from 0001 (or from the next free\n"
"number) and holds\n"
"  stream.json           codec, format, times (CLOCK_MONOTONIC, microseconds; null: not\n"
"                        yet), bytes received, frames rendered, underruns, error\n"
"  events.jsonl          every command, write and position (every 100 ms of playing)\n"
"  input.bin             every byte of every write, in order, as it was in memory when\n"
"                        the decoder took it\n"
"  rendered.wav          the PCM, from the first rendered frame on\n"
"\n"
"Exit status: 0 after SIGTERM, SIGINT or the end of --apr-fd, 1 on failure, 2 on wrong\n"
"usage, 3 after the command crash.\n";

static struct loop_source apr_source, signal_source;

/* A packet is 4 KiB at most on the device; a socket may send what it likes. */
static uint8_t packet[APR_PACKET_MAX];

static void receive_packets(struct loop_source *source)
{
	(void)source;
	for (;;) {
		ssize_t length = transport_receive(packet, sizeof(packet));

		if (length > 0) {
			apr_dispatch(packet, (size_t)length);
			continue;
		}
		if (length < 0 && (errno == EAGAIN || errno == EMSGSIZE))
			return;
		if (length < 0)
			log_line("the link to the kernel is broken: %s", strerror(errno));
		loop_remove(&apr_source);
		loop_quit(length < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
		return;
	}
}

static void receive_signal(struct loop_source *source)
{
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) == sizeof(info))
		loop_quit(EXIT_SUCCESS);
}

static void advance(void)
{
	uint64_t now = clock_now();

	fault_advance(now);
	asm_advance(now);
}

static uint64_t next_deadline(void)
{
	uint64_t faults = fault_deadline(), streams = asm_deadline();

	return faults < streams ? faults : streams;
}

/* Does all that is due now. Only for the clock socket: it has to know when the DSP is done. */
static uint64_t settle(void)
{
	uint64_t deadline;

	do {
		if (loop_quitting() < 0)
			receive_packets(&apr_source);
		advance();
		deadline = next_deadline();
	} while (deadline <= clock_now());
	return deadline;
}

static int watch_signals(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a file that may not grow is an error like a full disk */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -1;
	signal_source.fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	signal_source.ready = receive_signal;
	return signal_source.fd < 0 ? -1 : loop_add(&signal_source);
}

static int fail(const char *what, const char *name)
{
	log_line("%s%s%s: %s", what, name ? " " : "", name ? name : "", strerror(errno));
	return EXIT_FAILURE;
}

/* A whole number in [min, max]; else tells so and ends the program. */
static int number_option(const char *option, const char *text, int min, int max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max) {
		fprintf(stderr, "virtual-adsp: --%s wants a number from %d to %d, not \"%s\"\n", option, min, max, text);
		exit(EXIT_USAGE);
	}
	return (int)value;
}

int main(int argc, char **argv)
{
	enum { DEVICE, RECORD, CONTROL, SKEW, ORDER, APR_FD, MEMORY, CLOCK_FD, HELP, VERSION };
	static const struct option options[] = {
		{ "device", required_argument, NULL, DEVICE },
		{ "record", required_argument, NULL, RECORD },
		{ "control", required_argument, NULL, CONTROL },
		{ "skew-ppm", required_argument, NULL, SKEW },
		{ "order", required_argument, NULL, ORDER },
		{ "apr-fd", required_argument, NULL, APR_FD },
		{ "memory-file", required_argument, NULL, MEMORY },
		{ "clock-fd", required_argument, NULL, CLOCK_FD },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ 0 }
	};
	const char *device = DEFAULT_DEVICE, *record = DEFAULT_RECORD, *control = DEFAULT_CONTROL;
	const char *memory_file = NULL, *order = NULL;
	int apr_fd = -1, clock_fd = -1, option, index = 0;

	while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
		const char *name = options[index].name;

		switch (option) {
		case DEVICE:
			device = optarg;
			break;
		case RECORD:
			record = optarg;
			break;
		case CONTROL:
			control = optarg;
			break;
		case SKEW:
			stream_set_skew(number_option(name, optarg, -100000, 100000));
			break;
		case ORDER:
			order = optarg;
			break;
		case APR_FD:
			apr_fd = number_option(name, optarg, 0, 1 << 20);
			break;
		case MEMORY:
			memory_file = optarg;
			break;
		case CLOCK_FD:
			clock_fd = number_option(name, optarg, 0, 1 << 20);
			break;
		case HELP:
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case VERSION:
			puts("virtual-adsp " DSP_VERSION);
			return EXIT_SUCCESS;
		default:
			fputs("Try \"virtual-adsp --help\".\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "virtual-adsp: unexpected argument \"%s\"\n", argv[optind]);
		return EXIT_USAGE;
	}

	if (order) {
		int refused = control_send(control, order, stdout);

		return refused < 0 ? fail("control socket", control) : refused;
	}
	/*
	 * Firmware is in memory as a whole. A decoder that is read from a disk when it is first used
	 * may take longer than the driver waits, in virtual time above all.
	 */
	if (mlockall(MCL_CURRENT) < 0 && apr_fd < 0)
		log_line("the code may be read late: %s", strerror(errno));
	if (loop_open() < 0 || watch_signals() < 0)
		return fail("event loop", NULL);
	clock_settle = settle;
	if (clock_open(clock_fd) < 0)
		return fail("clock", NULL);
	if (record_set_folder(record) < 0)
		return fail("folder for recordings", record);
	if (control_open(control) < 0)
		return fail("control socket", control);
	apr_source.ready = receive_packets;
	apr_source.fd = apr_fd < 0 ? transport_open_device(device) : transport_open_socket(apr_fd, memory_file);
	if (apr_source.fd < 0 || loop_add(&apr_source) < 0) {
		int status = fail(apr_fd < 0 ? device : "--apr-fd", NULL);

		control_close();
		return status;
	}
	asm_open();
	/* without protection domains (no qrtr in the kernel) the rest works */
	if (apr_fd < 0 && servreg_open() < 0)
		log_line("no protection domain restart: %s", strerror(errno));
	log_line("up, recording to %s", record);

	while (loop_quitting() < 0) {
		uint64_t deadline = next_deadline();

		if (deadline)
			clock_wake_at(deadline);
		if (loop_once(deadline != 0) < 0) {
			fail("event loop", NULL);
			loop_quit(EXIT_FAILURE);
		}
		advance();
	}
	asm_reset("The DSP was stopped with the stream open.");
	servreg_close();
	control_close();
	transport_close();
	return loop_quitting();
}
