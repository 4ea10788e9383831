/*
 * Which build of an object: what tells two files of one name apart, and a file
 * from what a process has mapped.
 *
 * Called by: the library, on what is mapped; the command, on the file. Pure: no
 * I/O, no allocation, async-signal-safe.
 */
#ifndef MODEL_BUILD_H
#define MODEL_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUILD_BYTES = 32 };

/* All zero: not known. */
struct build {
	uint32_t size;  /* of what is known, at most BUILD_BYTES */
	uint32_t is_id; /* a build-id; else a checksum of the headers */
	unsigned char bytes[BUILD_BYTES];
};

/*
 * Looks for the build-id in a segment of notes. What is longer than BUILD_BYTES
 * is cut. False when there is none.
 */
bool build_from_notes(struct build *build, const void *notes, size_t size);

/* Of an object without a build-id: takes its ELF and its program headers in. */
void build_add_headers(struct build *build, const void *headers, size_t size);

bool build_equal(const struct build *one, const struct build *two);

#endif
