#include "shim/cfi.h"

#include <string.h>

/* As the System V ABI for x86-64 numbers them. */
enum { RBP = 6, RSP = 7, RETURN_ADDRESS = 16 };

/* Encodings of pointers: the ones that linkers and compilers write. */
enum {
	ENCODED_UDATA4 = 0x03,
	ENCODED_SDATA4 = 0x0b,
	ENCODED_RELATIVE = 0x10, /* to the place of the pointer */
	ENCODED_TO_TABLE = 0x30, /* to the start of .eh_frame_hdr */
	ENCODED_OMIT = 0xff,
};

/* Bytes that are read in order; nothing is read behind end. */
struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static uint64_t read_bytes(struct reader *reader, unsigned int size)
{
	uint64_t value = 0;

	if (reader->failed || (size_t)(reader->end - reader->at) < size) {
		reader->failed = true;
		return 0;
	}
	memcpy(&value, reader->at, size);
	reader->at += size;
	return value;
}

/* LEB128; what does not fit is cut. */
static uint64_t read_number(struct reader *reader, bool is_signed)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)read_bytes(reader, 1);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && byte & 0x40)
		value |= ~0ULL << shift;
	return value;
}

static uint64_t read_unsigned(struct reader *reader)
{
	return read_number(reader, false);
}

static int64_t read_signed(struct reader *reader)
{
	return (int64_t)read_number(reader, true);
}

static void skip(struct reader *reader, uint64_t size)
{
	if (reader->failed || (uint64_t)(reader->end - reader->at) < size)
		reader->failed = true;
	else
		reader->at += size;
}

/* --- where the description of a function is ----------------------------------
 */

/* .eh_frame_hdr, with the encodings that GNU ld, gold and lld write. */
struct table {
	uint8_t version;
	uint8_t frame_encoding;
	uint8_t count_encoding;
	uint8_t entry_encoding;
	int32_t frame;
	uint32_t count;
	struct {
		int32_t function; /* relative to the table */
		int32_t description;
	} entries[];
};

static bool is_known(const struct table *table)
{
	return table->version == 1 && table->count_encoding == ENCODED_UDATA4 &&
	       table->entry_encoding == (ENCODED_TO_TABLE | ENCODED_SDATA4) &&
	       table->frame_encoding == (ENCODED_RELATIVE | ENCODED_SDATA4);
}

/* The last entry that is not above the address; NULL: it is below all. */
static const uint8_t *find_entry(const struct table *table, uintptr_t address)
{
	int64_t wanted = (int64_t)(address - (uintptr_t)table);
	uint32_t low = 0;
	uint32_t high = table->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table->entries[middle].function <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	return (const uint8_t *)table + table->entries[low - 1].description;
}

/* An entry of .eh_frame after its length: a CIE or an FDE. */
static bool open_entry(const uint8_t *entry, struct reader *reader)
{
	uint32_t size;

	memcpy(&size, entry, sizeof(size));
	*reader = (struct reader){ .at = entry + sizeof(size),
				   .end = entry + sizeof(size) + size };
	/* 0 ends the section; all ones would be the format of 64 bits. */
	return size != 0 && size != UINT32_MAX;
}

/* What many functions have in common. */
struct common {
	struct reader program;
	uint64_t code_factor;
	int64_t data_factor;
	uint8_t encoding; /* of a function's address */
};

static bool read_augmentation(struct reader *reader, const char *letters,
			      struct common *common)
{
	common->encoding = 0;
	if (letters[0] != 'z')
		return letters[0] == '\0';
	read_unsigned(reader);
	for (letters++; *letters; letters++) {
		uint8_t encoding;

		switch (*letters) {
		case 'R':
			common->encoding = (uint8_t)read_bytes(reader, 1);
			break;
		case 'L':
			read_bytes(reader, 1);
			break;
		case 'P':
			/* Of four bytes or eight, relative or not. */
			encoding = (uint8_t)read_bytes(reader, 1);
			if (encoding == ENCODED_OMIT)
				break;
			if ((encoding & 0x07) == 0x03)
				read_bytes(reader, 4);
			else if ((encoding & 0x07) == 0x00 ||
				 (encoding & 0x07) == 0x04)
				read_bytes(reader, 8);
			else
				return false;
			break;
		default:
			/* S: a signal's frame. The rest is not for x86-64. */
			return false;
		}
	}
	return true;
}

static bool read_common(const uint8_t *entry, struct common *common)
{
	struct reader reader;
	const char *letters;
	const uint8_t *data;
	uint64_t size = 0;

	if (!open_entry(entry, &reader) || read_bytes(&reader, 4) != 0 ||
	    read_bytes(&reader, 1) != 1)
		return false;
	letters = (const char *)reader.at;
	skip(&reader, strnlen(letters, (size_t)(reader.end - reader.at)) + 1);
	common->code_factor = read_unsigned(&reader);
	common->data_factor = read_signed(&reader);
	if (read_bytes(&reader, 1) != RETURN_ADDRESS || reader.failed)
		return false;
	data = reader.at;
	if (!read_augmentation(&reader, letters, common))
		return false;
	if (letters[0] == 'z') {
		reader.at = data;
		size = read_unsigned(&reader);
		skip(&reader, size);
	}
	common->program = reader;
	return !reader.failed;
}

/* What is said of one function. */
struct function {
	struct common common;
	struct reader program;
	uintptr_t start;
	uint64_t size;
};

static bool read_function(const uint8_t *entry, struct function *function)
{
	struct common *common = &function->common;
	struct reader reader;
	const uint8_t *place;

	if (!open_entry(entry, &reader))
		return false;
	place = reader.at;
	if (!read_common(place - (int32_t)read_bytes(&reader, 4), common) ||
	    common->encoding != (ENCODED_RELATIVE | ENCODED_SDATA4))
		return false;
	place = reader.at;
	function->start =
		(uintptr_t)place + (uintptr_t)(int32_t)read_bytes(&reader, 4);
	function->size = read_bytes(&reader, 4);
	skip(&reader, read_unsigned(&reader));
	function->program = reader;
	return !reader.failed;
}

/* --- what the description says
 * ------------------------------------------------ */

/* Where a register of the caller is. */
enum where {
	WHERE_SAME, /* in the register */
	WHERE_SAVED,
	WHERE_NOWHERE,
	WHERE_ELSEWHERE, /* a rule that is not for us */
};

struct row {
	uint64_t cfa_register;
	int64_t cfa_offset; /* bytes */
	bool cfa_computed;
	bool pointer_moved; /* of the stack: by a rule of its own */
	enum where pointer; /* rbp */
	enum where address; /* the return address */
	int64_t pointer_offset;
	int64_t address_offset;
};

enum { REMEMBERED_MAX = 8 };

struct machine {
	struct row row;
	struct row initial;
	struct row remembered[REMEMBERED_MAX];
	unsigned int depth;
	uint64_t at; /* bytes into the function */
};

static void set_register(struct row *row, uint64_t number, enum where where,
			 int64_t offset)
{
	if (number == RBP) {
		row->pointer = where;
		row->pointer_offset = offset;
	} else if (number == RETURN_ADDRESS) {
		row->address = where;
		row->address_offset = offset;
	} else if (number == RSP) {
		row->pointer_moved = where != WHERE_SAME;
	}
}

static void restore(struct machine *machine, uint64_t number)
{
	const struct row *initial = &machine->initial;

	if (number == RBP)
		set_register(&machine->row, number, initial->pointer,
			     initial->pointer_offset);
	else if (number == RETURN_ADDRESS)
		set_register(&machine->row, number, initial->address,
			     initial->address_offset);
	else if (number == RSP)
		machine->row.pointer_moved = initial->pointer_moved;
}

/* The instructions of one byte and operands. False: not known. */
static bool execute_extended(struct machine *machine, uint8_t code,
			     struct reader *reader, const struct common *common)
{
	struct row *row = &machine->row;
	uint64_t number;

	switch (code) {
	case 0x00: /* nop */
		return true;
	case 0x02: /* advance_loc1 */
	case 0x03: /* advance_loc2 */
	case 0x04: /* advance_loc4 */
		machine->at += read_bytes(reader, 1U << (code - 2)) *
			       common->code_factor;
		return true;
	case 0x05: /* offset_extended */
		number = read_unsigned(reader);
		set_register(row, number, WHERE_SAVED,
			     (int64_t)read_unsigned(reader) *
				     common->data_factor);
		return true;
	case 0x06: /* restore_extended */
		restore(machine, read_unsigned(reader));
		return true;
	case 0x07: /* undefined */
		set_register(row, read_unsigned(reader), WHERE_NOWHERE, 0);
		return true;
	case 0x08: /* same_value */
		set_register(row, read_unsigned(reader), WHERE_SAME, 0);
		return true;
	case 0x09: /* register */
		set_register(row, read_unsigned(reader), WHERE_ELSEWHERE, 0);
		read_unsigned(reader);
		return true;
	case 0x0a: /* remember_state */
		if (machine->depth == REMEMBERED_MAX)
			return false;
		machine->remembered[machine->depth++] = *row;
		return true;
	case 0x0b: /* restore_state */
		if (machine->depth == 0)
			return false;
		*row = machine->remembered[--machine->depth];
		return true;
	case 0x0c: /* def_cfa */
		row->cfa_register = read_unsigned(reader);
		row->cfa_offset = (int64_t)read_unsigned(reader);
		row->cfa_computed = false;
		return true;
	case 0x0d: /* def_cfa_register */
		row->cfa_register = read_unsigned(reader);
		return true;
	case 0x0e: /* def_cfa_offset */
		row->cfa_offset = (int64_t)read_unsigned(reader);
		return true;
	case 0x0f: /* def_cfa_expression */
		row->cfa_computed = true;
		skip(reader, read_unsigned(reader));
		return true;
	case 0x10: /* expression */
	case 0x16: /* val_expression */
		set_register(row, read_unsigned(reader), WHERE_ELSEWHERE, 0);
		skip(reader, read_unsigned(reader));
		return true;
	case 0x11: /* offset_extended_sf */
		number = read_unsigned(reader);
		set_register(row, number, WHERE_SAVED,
			     read_signed(reader) * common->data_factor);
		return true;
	case 0x12: /* def_cfa_sf */
		row->cfa_register = read_unsigned(reader);
		row->cfa_offset = read_signed(reader) * common->data_factor;
		row->cfa_computed = false;
		return true;
	case 0x13: /* def_cfa_offset_sf */
		row->cfa_offset = read_signed(reader) * common->data_factor;
		return true;
	case 0x2e: /* GNU_args_size */
		read_unsigned(reader);
		return true;
	default:
		return false;
	}
}

/* Up to the row that is for the byte at `into`. */
static bool execute(struct machine *machine, struct reader reader,
		    const struct common *common, uint64_t into)
{
	while (reader.at < reader.end && !reader.failed) {
		uint8_t code = (uint8_t)read_bytes(&reader, 1);
		uint8_t low = code & 0x3f;

		switch (code & 0xc0) {
		case 0x40: /* advance_loc */
			machine->at += low * common->code_factor;
			break;
		case 0x80: /* offset */
			set_register(&machine->row, low, WHERE_SAVED,
				     (int64_t)read_unsigned(&reader) *
					     common->data_factor);
			break;
		case 0xc0: /* restore */
			restore(machine, low);
			break;
		default:
			if (!execute_extended(machine, code, &reader, common))
				return false;
		}
		if (machine->at > into)
			return true;
	}
	return !reader.failed;
}

/* --- the rule ----------------------------------------------------------------
 */

/* Into words, where that comes out even; 0: it does not. */
static uint32_t words(int64_t bytes)
{
	return bytes > 0 && bytes % 8 == 0 && bytes / 8 <= UINT16_MAX
		       ? (uint32_t)(bytes / 8)
		       : 0;
}

static bool make_rule(const struct row *row, struct cfi_rule *rule)
{
	*rule = (struct cfi_rule){ .outermost = false };
	if (row->address == WHERE_NOWHERE) {
		rule->outermost = true;
		return true;
	}
	if (row->cfa_computed || row->pointer_moved ||
	    row->address != WHERE_SAVED || row->address_offset != -8 ||
	    (row->cfa_register != RBP && row->cfa_register != RSP))
		return false;
	rule->by_pointer = row->cfa_register == RBP;
	rule->cfa = words(row->cfa_offset);
	if (row->pointer == WHERE_SAVED)
		rule->pointer = words(-row->pointer_offset);
	/* What is undefined cannot be needed; it is not looked at further. */
	return rule->cfa != 0 &&
	       (row->pointer == WHERE_SAME ||
		(row->pointer == WHERE_SAVED && rule->pointer > 1));
}

enum cfi_answer cfi_find(const void *table, uintptr_t address,
			 struct cfi_rule *rule)
{
	struct machine machine = { .at = 0 };
	struct function function;
	const uint8_t *entry;

	if (!is_known(table))
		return CFI_OTHER;
	entry = find_entry(table, address);
	if (!entry)
		return CFI_NONE;
	if (!read_function(entry, &function) || address < function.start)
		return CFI_OTHER;
	if (address - function.start >= function.size)
		return CFI_NONE;
	if (!execute(&machine, function.common.program, &function.common,
		     UINT64_MAX))
		return CFI_OTHER;
	machine.initial = machine.row;
	machine.at = 0;
	return execute(&machine, function.program, &function.common,
		       address - function.start) &&
			       make_rule(&machine.row, rule)
		       ? CFI_RULE
		       : CFI_OTHER;
}
