#include "command/trace_words.h"

const char *trace_role(enum role role)
{
	static const char *const words[] = {
		[ROLE_NONE] = "none",
		[ROLE_ACTIVE] = "active",
		[ROLE_PASSIVE] = "passive",
	};

	return words[role];
}

const char *trace_evidence(enum evidence evidence)
{
	static const char *const words[] = {
		[EVIDENCE_CALL] = "call",
		[EVIDENCE_KERNEL] = "kernel",
		[EVIDENCE_INFERRED] = "inferred",
	};

	return words[evidence];
}

const char *trace_event(enum tcp_event event)
{
	static const char *const words[EVENT_COUNT] = {
#define EVENT(name, text) [EVENT_##name] = #name,
#include "model/transitions.def"
	};

	return words[event];
}
