/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_DOMAIN_H
#define VIRTUAL_ADSP_DOMAIN_H

/*
 * Restart of the audio protection domain: everything in it is lost, its services are down until all listeners of the
 * service registry have acknowledged that, then it comes up again.
 */
void domain_restart(void);

/* The whole DSP dies: the program ends with status 3. */
void domain_crash(void);

#endif
