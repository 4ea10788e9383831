#include "model/call.h"

/* So that the rows may say plain 0, ALIAS or OPTIONAL. */
#define FLAG_0 CALL_PLAIN
#define FLAG_ALIAS CALL_ALIAS
#define FLAG_OPTIONAL CALL_OPTIONAL

static const struct {
	const char *name;
	enum call_kind kind;
	int flags;
} calls[CALL_COUNT] = {
	[CALL_NONE] = { .name = "exit", .kind = KIND_NONE },
#define CALL(s, k, f) \
	[CALL_##s] = { .name = #s, .kind = KIND_##k, .flags = FLAG_##f },
#include "model/calls.def"
#undef CALL
};

const char *call_name(enum call call)
{
	return calls[call < CALL_COUNT ? call : CALL_NONE].name;
}

enum call_kind call_kind(enum call call)
{
	return calls[call < CALL_COUNT ? call : CALL_NONE].kind;
}

int call_flags(enum call call)
{
	return calls[call < CALL_COUNT ? call : CALL_NONE].flags;
}
