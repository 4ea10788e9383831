/* Gives each file that is named to the fuzz target it is linked with. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"

static int replay(const char *path)
{
	FILE *stream = fopen(path, "re");
	uint8_t *bytes;
	long size;

	if (!stream || fseek(stream, 0, SEEK_END) != 0 ||
	    (size = ftell(stream)) < 0) {
		perror(path);
		return 1;
	}
	rewind(stream);
	/* Of exactly its size: a sanitizer sees a byte too far. */
	bytes = malloc((size_t)size);
	if (size > 0 &&
	    (!bytes || fread(bytes, (size_t)size, 1, stream) != 1)) {
		perror(path);
		return 1;
	}
	fclose(stream);
	LLVMFuzzerTestOneInput(bytes, (size_t)size);
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) != 0)
			return 1;
	}
	printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
