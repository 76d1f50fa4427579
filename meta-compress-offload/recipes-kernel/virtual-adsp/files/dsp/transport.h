/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_TRANSPORT_H
#define VIRTUAL_ADSP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The link to the kernel: APR packets, one per read and write, and the memory that the kernel shares with the DSP.
 * Either the character device of the bridge module, or (unit tests) a packet socket and a file that stands for memory.
 */

/* Returns the descriptor that is readable when a packet waits, or -1 with errno set. */
int transport_open_device(const char *path);
/* @memory_file: may be NULL (no memory at all); an address is an offset into it. Returns @fd, or -1 with errno set. */
int transport_open_socket(int fd, const char *memory_file);
void transport_close(void);

/* One packet: its length in bytes; 0: the other side has gone; -1 with errno (EAGAIN: none waits). */
ssize_t transport_receive(void *packet, size_t size);
/* Returns 0, or -1 with errno set. */
int transport_send(const void *packet, size_t length);
/* Whether the link takes a packet of that many bytes, if it can take any. */
bool transport_takes(size_t length);
/*
 * Uses the device, if that is the link, in ways that it must refuse, with places and sizes drawn from @random.
 * Returns what it allowed, or NULL.
 */
const char *transport_misuse(uint64_t random);
/*
 * From now on the kernel has no memory to share with the DSP, or has it again. Returns 0, or -1 with errno set: ENOTTY
 * where the link is no device.
 */
int transport_refuse_memory(bool refuse);
/* Copies shared memory at @address (as the DSP sees it, SID bits included). Returns 0, or -1 with errno set. */
int transport_read_memory(uint64_t address, void *buffer, uint32_t length);

#endif
