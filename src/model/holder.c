#include "model/holder.h"

static const struct {
	const char *name;
	const char *remedy;
} holders[HOLDER_COUNT] = {
#define HOLDER(n, t, r) [HOLDER_##n] = { .name = t, .remedy = r },
#include "model/holders.def"
#undef HOLDER
};

const char *holder_name(enum holder_class class)
{
	return holders[class].name;
}

const char *holder_remedy(enum holder_class class)
{
	return holders[class].remedy;
}
