/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_ADM_H
#define VIRTUAL_ADSP_ADM_H

#include <stdio.h>

/* The matrix that connects sessions (ASM) through COPPs, common post-processing objects, to audio ports (AFE). */

/* Writes a JSON list of the open COPPs with the sessions that are mapped to them. */
void adm_print(FILE *out);
/* Forgets everything, as a restart of the DSP does. */
void adm_reset(void);

#endif
