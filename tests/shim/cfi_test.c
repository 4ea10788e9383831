/* Call frame information, held against what binutils reads in the same file. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/cfi.c"

#if defined(__x86_64__)

/* A row of readelf's, of a function that the table must lead to. */
struct told {
	uintptr_t address;
	char cfa[32];
	char pointer[32]; /* rbp's column; "u" where there is none */
	char ra[32];
	bool moves_stack; /* there is a column for rsp */
};

static enum cfi_answer rule_of(const struct told *told, struct cfi_rule *rule)
{
	long offset = atol(told->cfa + 4);
	long saved = told->pointer[0] == 'c' ? -atol(told->pointer + 1) : 0;

	*rule = (struct cfi_rule){ .outermost = strcmp(told->ra, "u") == 0 };
	if (rule->outermost)
		return CFI_RULE;
	if ((strncmp(told->cfa, "rsp+", 4) != 0 &&
	     strncmp(told->cfa, "rbp+", 4) != 0) ||
	    offset % 8 != 0 || told->moves_stack ||
	    strcmp(told->ra, "c-8") != 0 ||
	    (saved == 0 && strcmp(told->pointer, "u") != 0 &&
	     strcmp(told->pointer, "s") != 0))
		return CFI_OTHER;
	rule->by_pointer = told->cfa[1] == 'b';
	rule->cfa = (uint32_t)(offset / 8);
	rule->pointer = (uint32_t)(saved / 8);
	return CFI_RULE;
}

static void check(const struct link_map *map, const struct told *told)
{
	struct dl_find_object object;
	struct cfi_rule expected;
	struct cfi_rule rule;
	enum cfi_answer answer;

	cr_assert_eq(_dl_find_object((void *)(map->l_addr + told->address),
				     &object),
		     0);
	answer = cfi_find(object.dlfo_eh_frame, map->l_addr + told->address,
			  &rule);
	cr_assert_eq(answer, rule_of(told, &expected), "%zx: %s %s %s",
		     (size_t)told->address, told->cfa, told->pointer, told->ra);
	if (answer != CFI_RULE)
		return;
	cr_assert_eq(rule.outermost, expected.outermost, "%zx",
		     (size_t)told->address);
	cr_assert_eq(rule.by_pointer, expected.by_pointer, "%zx",
		     (size_t)told->address);
	cr_assert_eq(rule.cfa, expected.cfa, "%zx", (size_t)told->address);
	cr_assert_eq(rule.pointer, expected.pointer, "%zx",
		     (size_t)told->address);
}

/* The columns of one function's rows. */
struct columns {
	char names[32][8];
	int count;
};

static void read_columns(struct columns *columns, char *line)
{
	columns->count = 0;
	for (char *word = strtok(line, " \n"); word && columns->count < 32;
	     word = strtok(NULL, " \n"))
		snprintf(columns->names[columns->count++], 8, "%s", word);
}

static bool read_row(const struct columns *columns, char *line,
		     struct told *told)
{
	int column = 0;

	*told = (struct told){ .pointer = "u" };
	for (char *word = strtok(line, " \n"); word;
	     word = strtok(NULL, " \n"), column++) {
		const char *name =
			column < columns->count ? columns->names[column] : "";

		if (column == 0)
			told->address = strtoul(word, NULL, 16);
		else if (strcmp(name, "CFA") == 0)
			snprintf(told->cfa, sizeof(told->cfa), "%s", word);
		else if (strcmp(name, "rbp") == 0)
			snprintf(told->pointer, sizeof(told->pointer), "%s",
				 word);
		else if (strcmp(name, "ra") == 0)
			snprintf(told->ra, sizeof(told->ra), "%s", word);
		else if (strcmp(name, "rsp") == 0)
			told->moves_stack |= strcmp(word, "u") != 0;
	}
	return column > 0 && column == columns->count;
}

/* How many rows were compared. */
static int compare_all(const char *file, const struct link_map *map)
{
	struct columns columns = { .count = 0 };
	uintptr_t end = 0; /* of the function; 0: of none */
	char command[512];
	char line[512];
	int rows = 0;
	FILE *stream;

	snprintf(command, sizeof(command),
		 "LC_ALL=C readelf --wide --debug-dump=frames-interp '%s'",
		 file);
	stream = popen(command, "r");
	cr_assert(stream);
	while (fgets(line, sizeof(line), stream)) {
		struct told told;

		if (strstr(line, " FDE ") && strstr(line, ".."))
			end = strtoul(strstr(line, "..") + 2, NULL, 16);
		else if (strstr(line, " CIE "))
			end = 0;
		else if (strstr(line, " LOC "))
			read_columns(&columns, line);
		else if (strspn(line, "0123456789abcdef") == 16 &&
			 read_row(&columns, line, &told) &&
			 told.address < end) {
			check(map, &told);
			rows++;
		}
	}
	pclose(stream);
	return rows;
}

static const struct link_map *map_of(const void *address, const char **file)
{
	struct link_map *map = NULL;
	Dl_info info;

	cr_assert(dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP));
	*file = map->l_name[0] ? map->l_name : "/proc/self/exe";
	return map;
}

/* Hand-written assembly, cancellation points, thread and process starts. */
Test(cfi, every_row_of_libc_is_read_as_readelf_reads_it)
{
	const char *file;
	const struct link_map *map =
		map_of(dlsym(RTLD_DEFAULT, "qsort"), &file);

	cr_expect_gt(compare_all(file, map), 10000);
}

Test(cfi, every_row_of_a_program_is_read_as_readelf_reads_it)
{
	const char *file;
	const struct link_map *map = map_of((const void *)compare_all, &file);
	char path[512] = "";

	/* Not readelf's own. */
	cr_assert_gt(readlink(file, path, sizeof(path) - 1), 0);
	cr_expect_gt(compare_all(path, map), 50);
}

Test(cfi, where_no_function_is_there_is_no_rule)
{
	struct dl_find_object object;
	struct cfi_rule rule;

	cr_assert_eq(_dl_find_object((void *)(uintptr_t)compare_all, &object),
		     0);
	cr_expect_eq(cfi_find(object.dlfo_eh_frame,
			      (uintptr_t)object.dlfo_map_start, &rule),
		     CFI_NONE);
	cr_expect_eq(cfi_find(object.dlfo_eh_frame,
			      (uintptr_t)object.dlfo_map_end - 1, &rule),
		     CFI_NONE);
}

Test(cfi, a_table_of_another_form_is_left_alone)
{
	struct table table = { .version = 1,
			       .frame_encoding = 0x1b,
			       .count_encoding = 0x03,
			       .entry_encoding = 0x3b };
	struct cfi_rule rule;

	cr_expect_eq(cfi_find(&table, (uintptr_t)&table, &rule), CFI_NONE);
	table.version = 2;
	cr_expect_eq(cfi_find(&table, (uintptr_t)&table, &rule), CFI_OTHER);
	table.version = 1;
	table.entry_encoding = ENCODED_OMIT;
	cr_expect_eq(cfi_find(&table, (uintptr_t)&table, &rule), CFI_OTHER);
}

/* A function of 16 bytes at `place`, with these instructions. */
static enum cfi_answer rule_in(const char *letters, const uint8_t *program,
			       uint8_t size, struct cfi_rule *rule)
{
	static struct {
		struct table table;
		int32_t entries[2];
		uint8_t frames[128];
		uint8_t place[16];
	} object;
	uint8_t *at = object.frames;
	uint8_t *function;
	int32_t offset;

	memset(&object, 0, sizeof(object));
	object.table = (struct table){ .version = 1,
				       .frame_encoding = 0x1b,
				       .count_encoding = 0x03,
				       .entry_encoding = 0x3b,
				       .count = 1 };
	/* CIE: def_cfa rsp+8, ra at cfa-8. */
	at[0] = 24;
	at += 8;
	*at++ = 1;
	at = (uint8_t *)stpcpy((char *)at, letters) + 1;
	memcpy(at, (uint8_t[]){ 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1 },
	       10);
	function = object.frames + 28;
	function[0] = (uint8_t)(16 + size);
	function[4] = 32; /* back to the CIE */
	offset = (int32_t)(object.place - (function + 8));
	memcpy(function + 8, &offset, 4);
	function[12] = sizeof(object.place);
	memcpy(function + 17, program, size);
	object.entries[0] =
		(int32_t)((uint8_t *)object.place - (uint8_t *)&object);
	object.entries[1] = (int32_t)(function - (uint8_t *)&object);
	return cfi_find(&object.table, (uintptr_t)object.place + 8, rule);
}

#define RULE_IN(letters, rule, ...)                  \
	rule_in(letters, (uint8_t[]){ __VA_ARGS__ }, \
		sizeof((uint8_t[]){ __VA_ARGS__ }), rule)

Test(cfi, what_is_said_of_later_addresses_does_not_count)
{
	struct cfi_rule rule;

	/* At 2: cfa rsp+16, rbp saved there; at 9: rbp+32. */
	cr_assert_eq(RULE_IN("zR", &rule, 0x42, 0x0e, 16, 0x86, 2, 0x47, 0x0c,
			     6, 32),
		     CFI_RULE);
	cr_expect_not(rule.by_pointer);
	cr_expect_eq(rule.cfa, 2);
	cr_expect_eq(rule.pointer, 2);
	cr_assert_eq(RULE_IN("zR", &rule, 0x42, 0x0e, 16, 0x86, 2, 0x46, 0x0c,
			     6, 32),
		     CFI_RULE);
	cr_expect(rule.by_pointer);
	cr_expect_eq(rule.cfa, 4);
}

Test(cfi, what_was_remembered_is_restored)
{
	struct cfi_rule rule;

	cr_assert_eq(RULE_IN("zR", &rule, 0x0e, 24, 0x0a, 0x0e, 48, 0x86, 2,
			     0x0b),
		     CFI_RULE);
	cr_expect_eq(rule.cfa, 3);
	cr_expect_eq(rule.pointer, 0);
	cr_expect_eq(RULE_IN("zR", &rule, 0x0b), CFI_OTHER);
	cr_expect_eq(RULE_IN("zR", &rule, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a,
			     0x0a, 0x0a, 0x0a),
		     CFI_OTHER);
}

Test(cfi, what_two_registers_do_not_tell_is_left_to_others)
{
	struct cfi_rule rule;

	/* The CFA by an expression, or by rbx; rbp in a register. */
	cr_expect_eq(RULE_IN("zR", &rule, 0x0f, 1, 0x30), CFI_OTHER);
	cr_expect_eq(RULE_IN("zR", &rule, 0x0c, 3, 16), CFI_OTHER);
	cr_expect_eq(RULE_IN("zR", &rule, 0x09, 6, 3), CFI_OTHER);
	/* rsp by a rule of its own; an odd offset; an unknown instruction. */
	cr_expect_eq(RULE_IN("zR", &rule, 0x87, 2), CFI_OTHER);
	cr_expect_eq(RULE_IN("zR", &rule, 0x0e, 12), CFI_OTHER);
	cr_expect_eq(RULE_IN("zR", &rule, 0x3f), CFI_OTHER);
	/* The instruction's operand is cut off. */
	cr_expect_eq(RULE_IN("zR", &rule, 0x0c, 7), CFI_OTHER);
	/* A signal's frame. */
	cr_expect_eq(RULE_IN("zRS", &rule, 0x0e, 16), CFI_OTHER);
	/* No return address: the outermost. */
	cr_assert_eq(RULE_IN("zR", &rule, 0x07, 16), CFI_RULE);
	cr_expect(rule.outermost);
}

#endif
