/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_AFE_H
#define VIRTUAL_ADSP_AFE_H

#include <stdio.h>

/* The audio ports of the DSP (I2S, HDMI, SLIMbus): started and stopped, nothing is heard. */

/* Writes a JSON list of the ports that are running. */
void afe_print(FILE *out);
/* Forgets all ports, as a restart of the DSP does. */
void afe_reset(void);

#endif
