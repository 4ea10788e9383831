/*
 * A fuzz target is one function (libFuzzer's). Built by clang it is fuzzed
 * (`make fuzz`); linked with replay.c it is run once over each file of its
 * corpus, by `make test`.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
