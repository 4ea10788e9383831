#include "model/event.h"
#include "model/text.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

Test(text, is_cut_at_the_end_of_the_buffer)
{
	char buffer[16];
	struct text text;

	memset(buffer, '#', sizeof(buffer));
	text_begin(&text, buffer, 8);
	text_add(&text, "0123");
	text_add(&text, "456789");
	text_add_number(&text, 12345);
	cr_expect_str_eq(buffer, "0123456");
	cr_expect_eq(text.length, 7);
	cr_expect_eq(buffer[8], '#');
}

Test(text, numbers)
{
	char buffer[128];
	struct text text;

	text_begin(&text, buffer, sizeof(buffer));
	text_add_number(&text, LLONG_MIN);
	text_add(&text, " ");
	text_add_number(&text, 0);
	text_add(&text, " ");
	text_add_hex(&text, 0xdeadbeefULL);
	cr_expect_str_eq(buffer, "-9223372036854775808 0 0xdeadbeef");
}

Test(text, hostile_bytes_are_made_printable)
{
	char buffer[128];
	struct text text;

	text_begin(&text, buffer, sizeof(buffer));
	text_add_foreign(&text, "a\033[31m\n\x80\\b");
	cr_expect_str_eq(buffer, "a\\x1b[31m\\x0a\\x80\\x5cb");
}

static const char *six(const char *presentation)
{
	static char buffer[128];
	struct address address = { .family = AF_INET6, .port = 80 };
	struct text text;

	cr_assert_eq(inet_pton(AF_INET6, presentation, address.bytes), 1);
	text_begin(&text, buffer, sizeof(buffer));
	text_add_address(&text, &address);
	return buffer;
}

/* inet_ntop is the second opinion. */
Test(text, ipv6_as_rfc_5952_has_it)
{
	static const char *const cases[] = {
		"::",
		"::1",
		"1::",
		"2001:db8::1",
		"2001:db8:0:1:1:1:1:1",
		"1:0:0:2::3",
		"fe80::1:2:3",
		"1:2:3:4:5:6:7:8",
		"::ffff:192.0.2.1",
		"1:0:2:0:3:0:4:0",
		"0:0:1::",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char bytes[16];
		char canonical[INET6_ADDRSTRLEN];
		char expected[80];

		cr_assert_eq(inet_pton(AF_INET6, cases[i], bytes), 1);
		inet_ntop(AF_INET6, bytes, canonical, sizeof(canonical));
		snprintf(expected, sizeof(expected), "[%s]:80", canonical);
		cr_expect_str_eq(six(cases[i]), expected);
	}
}

Test(text, addresses)
{
	struct address four = { .bytes = { 192, 0, 2, 1 },
				.port = 65535,
				.family = AF_INET };
	struct address none = { .family = 0 };
	char buffer[64];
	struct text text;

	text_begin(&text, buffer, sizeof(buffer));
	text_add_address(&text, &four);
	text_add(&text, " ");
	text_add_address(&text, &none);
	cr_expect_str_eq(buffer, "192.0.2.1:65535 -");
}

Test(text, mark_has_the_time_of_day)
{
	char buffer[128];
	struct text text;

	text_begin(&text, buffer, sizeof(buffer));
	event_add_mark(&text, 7, 1764068703000417999, "label");
	cr_expect_str_eq(buffer,
			 "tcpshadow: 7 mark at 11:05:03.000417 UTC: label\n");
	text_begin(&text, buffer, sizeof(buffer));
	event_add_mark(&text, 7, 0, "");
	cr_expect_str_eq(buffer,
			 "tcpshadow: 7 mark at 00:00:00.000000 UTC: \n");
	text_begin(&text, buffer, sizeof(buffer));
	event_add_mark(&text, 7, 86399999999999, "x");
	cr_expect_str_eq(buffer,
			 "tcpshadow: 7 mark at 23:59:59.999999 UTC: x\n");
}

Test(text, name_of_a_socket_is_behind_its_number_and_cut)
{
	struct subject subject = { .fd = 4 };
	char buffer[128];
	struct text text;

	event_name_subject(&subject,
			   "0123456789012345678901234567890123456789");
	text_begin(&text, buffer, sizeof(buffer));
	event_add_subject(&text, &subject);
	cr_expect_str_eq(buffer,
			 "fd 4 \"0123456789012345678901234567890\" - -- -");
	event_name_subject(&subject, NULL);
	text_begin(&text, buffer, sizeof(buffer));
	event_add_subject(&text, &subject);
	cr_expect_str_eq(buffer, "fd 4 - -- -");
}

Test(text, parts_of_paths_and_numbers)
{
	cr_expect_str_eq(text_base_name("/usr/bin/cat"), "cat");
	cr_expect_str_eq(text_base_name("cat"), "cat");
	cr_expect_str_eq(text_base_name("bin/"), "");
	cr_expect_eq(text_number("4096"), 4096);
	cr_expect_eq(text_number("17 (cat) S"), 17);
	cr_expect_eq(text_number("0"), 0);
	cr_expect_eq(text_number("self"), -1);
	cr_expect_eq(text_number(""), -1);
}
