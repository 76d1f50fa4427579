// SPDX-License-Identifier: MIT
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apr.h"
#include "virtual-adsp.h"

/* A peer that does not read its socket for so long is lost; the device never makes a writer wait. */
#define SEND_PATIENCE_MS 100

static int link_fd = -1;
static int is_device;
static const char *device_path;
static const uint8_t *memory;
static size_t memory_size;

int transport_open_device(const char *path)
{
	is_device = 1;
	device_path = path;
	link_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return link_fd;
}

int transport_open_socket(int fd, const char *memory_file)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	link_fd = fd;
	if (memory_file) {
		int file = open(memory_file, O_RDONLY | O_CLOEXEC);
		struct stat status;
		void *map;

		if (file < 0)
			return -1;
		if (fstat(file, &status) < 0) {
			close(file);
			return -1;
		}
		map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
		close(file);
		if (map == MAP_FAILED)
			return -1;
		memory = map;
		memory_size = (size_t)status.st_size;
	}
	return link_fd;
}

void transport_close(void)
{
	if (link_fd >= 0)
		close(link_fd);
	link_fd = -1;
}

ssize_t transport_receive(void *packet, size_t size)
{
	ssize_t length;

	do
		length = read(link_fd, packet, size);
	while (length < 0 && errno == EINTR);
	return length;
}

int transport_send(const void *packet, size_t length)
{
	struct pollfd writable = { .fd = link_fd, .events = POLLOUT };
	ssize_t sent;

	do
		sent = write(link_fd, packet, length);
	while (sent < 0 && (errno == EINTR ||
			    (errno == EAGAIN && poll(&writable, 1, SEND_PATIENCE_MS) > 0)));
	if (sent < 0)
		return -1;
	if ((size_t)sent != length) {
		errno = EIO;
		return -1;
	}
	return 0;
}

bool transport_takes(size_t length)
{
	/* the kernel's router wants a payload */
	return !is_device || (length > sizeof(struct apr_header) && length <= VIRTUAL_ADSP_MAX_PACKET);
}

static bool refused(unsigned long command, void *argument, int error)
{
	return ioctl(link_fd, command, argument) < 0 && errno == error;
}

const char *transport_misuse(uint64_t random)
{
	static uint8_t buffer[4096];
	static void *volatile nowhere = (void *)16;	/* volatile: the compiler knows better */
	const struct virtual_adsp_mem good = {
		.address = random,
		.buffer = (uintptr_t)buffer,
		.length = 1 + (uint32_t)(random >> 40) % sizeof(buffer),
	};
	struct virtual_adsp_mem bad;
	int second;

	if (!is_device)
		return NULL;
	if (mmap(NULL, sizeof(buffer), PROT_READ, MAP_SHARED, link_fd, 0) != MAP_FAILED)
		return "mmap";
	second = open(device_path, O_RDWR | O_CLOEXEC);
	if (second >= 0) {
		close(second);
		return "a second DSP";
	}
	if (read(link_fd, buffer, sizeof(struct apr_header) - 1) >= 0)
		return "a read that is too short";
	if (write(link_fd, nowhere, sizeof(buffer)) >= 0)
		return "a write from nowhere";
	if (!refused(_IOC(random >> 62, 'Q', random & 0xFF, 1 + (random >> 8) % (sizeof(good) - 1)), buffer, ENOTTY))
		return "an unknown ioctl";
	for (int i = 0; i < 2; i++) {
		const unsigned long command = i ? VIRTUAL_ADSP_WRITE_MEM : VIRTUAL_ADSP_READ_MEM;

		bad = good;
		bad.length = 0;
		if (!refused(command, &bad, EINVAL))
			return "a copy of nothing";
		bad.length = VIRTUAL_ADSP_MAX_MEM + 1 + (uint32_t)(random >> 36);
		if (!refused(command, &bad, EINVAL))
			return "a copy that is too large";
		bad = good;
		bad.reserved = 1 + (uint32_t)(random >> 36);
		if (!refused(command, &bad, EINVAL))
			return "a reserved word";
		bad = good;
		bad.address = UINT64_MAX - random % bad.length;
		if (bad.address + bad.length < bad.address && !refused(command, &bad, EINVAL))
			return "a copy past the end of all memory";
		if (!refused(command, nowhere, EFAULT))
			return "an ioctl from nowhere";
	}
	/* may be there or not; only read, because without an IOMMU the DSP reaches all memory */
	bad = good;
	ioctl(link_fd, VIRTUAL_ADSP_READ_MEM, &bad);
	bad.address &= UINT32_MAX;
	ioctl(link_fd, VIRTUAL_ADSP_READ_MEM, &bad);
	bad.buffer = (uintptr_t)nowhere;
	if (ioctl(link_fd, VIRTUAL_ADSP_READ_MEM, &bad) == 0)
		return "a copy to nowhere";
	return NULL;
}

int transport_refuse_memory(bool refuse)
{
	return ioctl(link_fd, VIRTUAL_ADSP_REFUSE_MEM, (unsigned long)refuse);
}

int transport_read_memory(uint64_t address, void *buffer, uint32_t length)
{
	struct virtual_adsp_mem request = {
		.address = address,
		.buffer = (uintptr_t)buffer,
		.length = length,
	};

	if (is_device)
		return ioctl(link_fd, VIRTUAL_ADSP_READ_MEM, &request) < 0 ? -1 : 0;
	if (address > memory_size || length > memory_size - address) {
		errno = EFAULT;
		return -1;
	}
	__builtin_memcpy(buffer, memory + address, length);
	return 0;
}
