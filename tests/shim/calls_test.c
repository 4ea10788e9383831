/*
 * Every row of calls.def: the call is made by tests/programs/calls on a TCP
 * socket, and the log must show it. And the library's symbol table: it exports
 * the rows, and those of public.def, and nothing else, and misses no sibling of
 * a name that it wraps.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "model/call.h"
#include "support/expect.h"

ParameterizedTestParameters(calls, is_seen_in_the_log)
{
	static int numbers[CALL_COUNT - 1];

	for (int i = 1; i < CALL_COUNT; i++)
		numbers[i - 1] = i;
	return cr_make_param_array(int, numbers, CALL_COUNT - 1);
}

ParameterizedTest(int *number, calls, is_seen_in_the_log)
{
	const char *name = call_name((enum call) * number);

	cr_assert(expect_scenario("calls", name, NULL), "%s", name);
}

/* The names that a command prints, one a line, as " name name ". */
static char *names_of(const char *command)
{
	static char text[65536];
	size_t used = strlen(strcpy(text, " "));
	FILE *stream = popen(command, "r");
	char name[256];

	cr_assert(stream);
	while (fscanf(stream, "%255s", name) == 1)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s ", name);
	cr_assert_eq(pclose(stream), 0, "%s", command);
	return text;
}

static bool contains(const char *names, const char *name)
{
	char word[300];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(names, word) != NULL;
}

static const char *const public_names[] = {
#define PUBLIC(name, result, parameters) #name,
#include "model/public.def"
#undef PUBLIC
};
#define PUBLIC_COUNT (sizeof(public_names) / sizeof(public_names[0]))

Test(symbols, exports_are_the_rows_of_the_tables)
{
	char command[600];
	char *names;
	int count = 0;

	snprintf(command, sizeof(command),
		 "nm -D --defined-only %s | awk '{print $3}'", run_library());
	names = names_of(command);
	for (int i = 1; i < CALL_COUNT; i++)
		cr_expect(contains(names, call_name((enum call)i)),
			  "%s is not exported", call_name((enum call)i));
	for (size_t i = 0; i < PUBLIC_COUNT; i++)
		cr_expect(contains(names, public_names[i]),
			  "%s is not exported", public_names[i]);
	for (const char *at = names; (at = strchr(at + 1, ' ')) != NULL;)
		count++;
	cr_expect_eq(count, CALL_COUNT - 1 + (int)PUBLIC_COUNT, "exported: %s",
		     names);
}

/*
 * What the library calls by name goes to whoever is preloaded too. So it calls
 * nothing that others wrap, may lock or allocate: strings, and what start-up
 * needs. (The functions behind the wrapped names it finds itself.)
 */
Test(symbols, imports_are_few_and_harmless)
{
	static const char harmless[] =
		" _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable"
		" __cxa_finalize __gmon_start__ __environ environ"
		" __errno_location _dl_find_object _r_debug dladdr1 dlopen"
		" dlsym fileno getauxval memchr memcmp memcpy memmove memset"
		" strchr strcmp strcspn strlen strncmp strnlen "
		"strrchr strsep"
		" strspn ";
	char command[600];
	char name[256];
	FILE *stream;
	int count = 0;

	snprintf(command, sizeof(command),
		 "nm -D --undefined-only %s | awk '{print $2}' | cut -d@ -f1",
		 run_library());
	stream = popen(command, "r");
	while (fscanf(stream, "%255s", name) == 1) {
		cr_expect(contains(harmless, name), "%s is imported", name);
		count++;
	}
	cr_assert_eq(pclose(stream), 0);
	cr_expect_gt(count, 5);
}

static char libc_names[262144];

static void read_libc(void)
{
	FILE *stream = popen("nm -D --defined-only $(ldd /bin/sh | awk "
			     "'/libc.so.6/ {print $3}') | grep -v "
			     "GLIBC_PRIVATE | awk '{print $3}' | cut -d@ -f1",
			     "r");
	size_t used = 1;
	char name[256];

	libc_names[0] = ' ';
	while (fscanf(stream, "%255s", name) == 1)
		used += (size_t)snprintf(libc_names + used,
					 sizeof(libc_names) - used, "%s ",
					 name);
	cr_assert_eq(pclose(stream), 0);
	cr_assert_gt(used, 10000);
}

static bool is_wrapped(const char *name)
{
	for (int i = 1; i < CALL_COUNT; i++) {
		if (strcmp(call_name((enum call)i), name) == 0)
			return true;
	}
	return false;
}

/* A sibling that exists on purpose outside the table, with the reason. */
static bool is_left_out(const char *name)
{
	static const char *const reasons[][2] = {
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reasons[i][0], name) == 0)
			return true;
	}
	return false;
}

Test(symbols, no_sibling_of_a_wrapped_name_is_missing)
{
	static const char *const forms[] = {
		"__%s", "__%s_chk", "%s64", "%s_chk", "__%s64", "__libc_%s"
	};

	read_libc();
	for (int i = 1; i < CALL_COUNT; i++) {
		for (size_t j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
			const char *name = call_name((enum call)i);
			char sibling[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(sibling, sizeof(sibling), forms[j], name);
#pragma GCC diagnostic pop
			if (!contains(libc_names, sibling) ||
			    is_wrapped(sibling) || is_left_out(sibling))
				continue;
			cr_expect(false, "libc exports %s, sibling of %s",
				  sibling, name);
		}
	}
}

/* A child of vfork() returns first: a frame of ours would be gone then. */
Test(symbols, vfork_is_left_by_a_jump)
{
	char command[600];
	char *names;

	snprintf(command, sizeof(command),
		 "objdump -d --no-show-raw-insn %s | sed -n "
		 "'/^[0-9a-f]* <[_]*vfork>:/,/^$/p' | awk '{print $2}'",
		 run_library());
	names = names_of(command);
	cr_expect(contains(names, "jmp") || contains(names, "br"), "%s", names);
	cr_expect(!contains(names, "ret"), "%s", names);
}

Test(symbols, library_needs_libc_alone)
{
	char command[600];
	char *names;

	snprintf(command, sizeof(command),
		 "readelf -d %s | sed -n 's/.*NEEDED.*\\[\\(.*\\)\\]/\\1/p'",
		 run_library());
	names = names_of(command);
	/* The loader, for its list of what is loaded (_r_debug). */
	cr_expect(strcmp(names, " libc.so.6 ") == 0 ||
			  strcmp(names, " libc.so.6 ld-linux-x86-64.so.2 ") ==
				  0 ||
			  strcmp(names, " libc.so.6 ld-linux-aarch64.so.1 ") ==
				  0,
		  "needs%s", names);
}
