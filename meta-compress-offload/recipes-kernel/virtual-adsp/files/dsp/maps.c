// SPDX-License-Identifier: MIT
#include "maps.h"

#include <string.h>

#define RSP_MAP 0x00010D93		/* ASM_CMDRSP_SHARED_MEM_MAP_REGIONS in q6asm.c */

/* More than eight sessions (MAX_SESSIONS in q6asm.h) with one mapping per direction need. */
#define MAPS_MAX 32
/* q6asm.c maps a contiguous buffer as one region; the format allows more. */
#define REGIONS_MAX 64

struct map_command {			/* struct avs_cmd_shared_mem_map_regions */
	uint16_t pool;
	uint16_t regions;
	uint32_t flags;
};

struct map_region {			/* struct avs_shared_map_region_payload */
	uint32_t address_lsw, address_msw;
	uint32_t size;
};

static struct map {
	uint32_t handle;		/* 0: free */
	uint32_t count;
	struct map_region region[REGIONS_MAX];
} maps[MAPS_MAX];

static uint32_t last_handle;

static struct map *find(uint32_t handle)
{
	for (struct map *map = maps; map < maps + MAPS_MAX; map++)
		if (map->handle == handle)
			return map;
	return NULL;
}

void maps_map(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	struct map_command request;
	struct map *map;

	if (!apr_payload(command, payload, size, &request, sizeof(request)))
		return;
	if (!request.regions || request.regions > REGIONS_MAX ||
	    (size - sizeof(request)) / sizeof(struct map_region) < request.regions) {
		apr_status(command, ADSP_EBADPARAM);
		return;
	}
	map = find(0);
	if (!map) {
		apr_status(command, ADSP_ENORESOURCE);
		return;
	}
	do
		last_handle++;
	while (!last_handle || find(last_handle));
	memcpy(map->region, payload + sizeof(request), request.regions * sizeof(struct map_region));
	map->count = request.regions;
	map->handle = last_handle;
	apr_respond(command, RSP_MAP, &map->handle, sizeof(map->handle));
}

void maps_unmap(const struct apr_header *command, const uint8_t *payload, size_t size)
{
	struct map *map;
	uint32_t handle;

	if (!apr_payload(command, payload, size, &handle, sizeof(handle)))
		return;
	map = handle ? find(handle) : NULL;
	if (!map) {
		apr_status(command, ADSP_EHANDLE);
		return;
	}
	map->handle = 0;
	apr_status(command, ADSP_EOK);
}

bool maps_contain(uint32_t handle, uint64_t address, uint32_t length)
{
	const struct map *map = handle ? find(handle) : NULL;

	for (uint32_t i = 0; map && i < map->count; i++) {
		const struct map_region *region = &map->region[i];
		uint64_t start = (uint64_t)region->address_msw << 32 | region->address_lsw;

		if (address >= start && address - start <= region->size && length <= region->size - (address - start))
			return true;
	}
	return false;
}

void maps_reset(void)
{
	memset(maps, 0, sizeof(maps));
}
