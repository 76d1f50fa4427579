// SPDX-License-Identifier: MIT
/* Plays cases again where there is no libFuzzer: each argument is a file with one, told before it is played. */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		uint8_t *data;
		long size;

		if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) {
			perror(argv[i]);
			return 2;
		}
		rewind(file);
		fprintf(stderr, "%s\n", argv[i]);
		/* a block of just this size, so that the sanitizer sees a read behind its end */
		data = malloc(size ? (size_t)size : 1);
		if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
			perror(argv[i]);
			return 2;
		}
		LLVMFuzzerTestOneInput(data, (size_t)size);
		free(data);
		fclose(file);
	}
	return 0;
}
