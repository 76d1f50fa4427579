// SPDX-License-Identifier: MIT
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virtual-adsp.h"

/* A peer that does not read its socket for so long is lost; the device never makes a writer wait. */
#define SEND_PATIENCE_MS 100

static int link_fd = -1;
static int is_device;
static const uint8_t *memory;
static size_t memory_size;

int transport_open_device(const char *path)
{
	is_device = 1;
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
