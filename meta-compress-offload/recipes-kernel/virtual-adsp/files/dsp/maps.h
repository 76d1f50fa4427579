/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_MAPS_H
#define VIRTUAL_ADSP_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "apr.h"

/* The memory that the kernel has mapped into the DSP: ASM_CMD_SHARED_MEM_MAP_REGIONS and its counterpart. */
void maps_map(const struct apr_header *command, const uint8_t *payload, size_t size);
void maps_unmap(const struct apr_header *command, const uint8_t *payload, size_t size);

/* Whether all of [@address, @address + @length) lies in one region of the mapping @handle. */
bool maps_contain(uint32_t handle, uint64_t address, uint32_t length);

/* Forgets all mappings, as a restart of the DSP does. */
void maps_reset(void);

#endif
