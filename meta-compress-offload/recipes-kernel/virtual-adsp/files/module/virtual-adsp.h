/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * User interface of the virtual ADSP: /dev/virtual-adsp
 *
 * Opening the device brings the ADSP up: the kernel then registers the APR
 * channel and talks to the opener as it would to the DSP's firmware. Closing it
 * is the DSP's crash. There is one opener at a time; a second one gets EBUSY, as
 * does one that comes while the kernel still tidies up after a crash.
 *
 * read() takes one APR packet from the kernel (EMSGSIZE if the buffer is too
 * small, ENODEV once the device is gone) and write() sends one to the kernel
 * (ENOTCONN unless the kernel has spoken first). poll() works.
 */
#ifndef _UAPI_VIRTUAL_ADSP_H
#define _UAPI_VIRTUAL_ADSP_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Largest APR packet, in bytes. */
#define VIRTUAL_ADSP_MAX_PACKET		4096

/* Largest copy of one VIRTUAL_ADSP_READ_MEM or VIRTUAL_ADSP_WRITE_MEM, in bytes. */
#define VIRTUAL_ADSP_MAX_MEM		(1024 * 1024)

/**
 * struct virtual_adsp_mem - a copy to or from shared memory
 * @address: where, as the DSP sees it: the 64 bits of a map or write command,
 *	with the stream's SID in bits 35:32 if there is an IOMMU
 * @buffer: the caller's buffer
 * @length: bytes to copy, at most VIRTUAL_ADSP_MAX_MEM
 * @reserved: 0
 *
 * EFAULT: the DSP has no such memory. ENODEV: the device that owns the memory is
 * not there (the protection domain is down).
 */
struct virtual_adsp_mem {
	__u64 address;
	__u64 buffer;
	__u32 length;
	__u32 reserved;
};

/* From shared memory into the buffer. */
#define VIRTUAL_ADSP_READ_MEM	_IOW('Q', 0x80, struct virtual_adsp_mem)
/* From the buffer into shared memory. */
#define VIRTUAL_ADSP_WRITE_MEM	_IOW('Q', 0x81, struct virtual_adsp_mem)

/*
 * The argument is 1 or 0: from now on the drivers get no memory to share with the
 * DSP, as if there were none left; they get it again, as they do when the device
 * is closed. EOPNOTSUPP: the kernel is built without kprobes.
 */
#define VIRTUAL_ADSP_REFUSE_MEM	_IO('Q', 0x82)

#endif /* _UAPI_VIRTUAL_ADSP_H */
