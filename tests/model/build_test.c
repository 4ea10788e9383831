/* What tells two builds of an object apart. */
#include "model/build.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <string.h>

/* An ABI tag, then a build-id of 6 bytes, padded. */
struct notes {
	Elf64_Nhdr tag;
	char tag_name[4];
	char version[16];
	Elf64_Nhdr id;
	char id_name[4];
	char bytes[8];
};

static const struct notes good = {
	.tag = { 4, 16, NT_GNU_ABI_TAG },
	.tag_name = "GNU",
	.id = { 4, 6, NT_GNU_BUILD_ID },
	.id_name = "GNU",
	.bytes = "abcdef",
};

Test(build, the_id_is_found_behind_other_notes)
{
	struct build build = { .size = 0 };

	cr_assert(build_from_notes(&build, &good, sizeof(good)));
	cr_expect(build.is_id);
	cr_expect_eq(build.size, 6);
	cr_expect_arr_eq(build.bytes, "abcdef\0\0", 8);
}

Test(build, notes_that_are_cut_or_lie_have_none)
{
	struct notes notes = good;
	struct build build = { .size = 0 };

	for (size_t size = 0; size < sizeof(good); size++)
		cr_expect_not(build_from_notes(&build, &good, size), "%zu",
			      size);
	notes.tag.n_descsz = UINT32_MAX;
	cr_expect_not(build_from_notes(&build, &notes, sizeof(notes)));
	notes.tag.n_descsz = 16;
	notes.tag.n_namesz = UINT32_MAX - 2;
	cr_expect_not(build_from_notes(&build, &notes, sizeof(notes)));
	notes = good;
	notes.id.n_descsz = 0;
	cr_expect_not(build_from_notes(&build, &notes, sizeof(notes)));
	notes = good;
	notes.id_name[0] = 'X';
	cr_expect_not(build_from_notes(&build, &notes, sizeof(notes)));
	cr_expect_eq(build.size, 0);
}

Test(build, a_long_id_is_cut)
{
	struct {
		Elf64_Nhdr id;
		char name[4];
		char bytes[64];
	} notes = { .id = { 4, 64, NT_GNU_BUILD_ID }, .name = "GNU" };
	struct build build;

	memset(notes.bytes, 'x', sizeof(notes.bytes));
	cr_assert(build_from_notes(&build, &notes, sizeof(notes)));
	cr_expect_eq(build.size, BUILD_BYTES);
}

Test(build, headers_that_differ_in_one_bit_are_another_build)
{
	uint64_t headers[100] = { 0 };
	struct build one = { .size = 0 };
	struct build two = { .size = 0 };
	struct build three = { .size = 0 };

	build_add_headers(&one, headers, sizeof(headers));
	build_add_headers(&two, headers, sizeof(headers));
	cr_expect(build_equal(&one, &two));
	build_add_headers(&two, headers, sizeof(headers));
	cr_expect_not(build_equal(&one, &two));
	headers[50] = 1;
	build_add_headers(&three, headers, sizeof(headers));
	cr_expect_not(build_equal(&one, &three));
}
