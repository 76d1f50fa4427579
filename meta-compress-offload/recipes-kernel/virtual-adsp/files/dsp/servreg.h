/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_SERVREG_H
#define VIRTUAL_ADSP_SERVREG_H

#include <stdbool.h>

/*
 * The service registry on QRTR, the IPC router: it tells the kernel (drivers/soc/qcom/pdr_interface.c) in which
 * protection domain the audio services are and whether that is up.
 */

/* Publishes locator and notifier. Returns 0, or -1 with errno set (EAFNOSUPPORT: the kernel has no QRTR). */
int servreg_open(void);
void servreg_close(void);

/*
 * Tells all listeners that the domain is up or down. @acknowledged: called (once) when all have acknowledged that, at
 * once if there is none; may be NULL.
 */
void servreg_announce(bool up, void (*acknowledged)(void));

#endif
