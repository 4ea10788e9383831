/* tcpshadow port: what it takes, how it looks, and where it cannot be told. */
#include <pty.h>

#include "port_asked.h"

Test(port, that_makes_no_sense)
{
	static const char *const bad[] = {
		"0",
		"65536",
		"99999999999999999999",
		"",
		"x",
		"5188x",
		" 5188",
		"5188 ",
		"+5188",
		"0x50",
		"::",
		"::1:5188",
		"[::1]",
		"[::1]:",
		"[::1]:5188x",
		"[::1]x:5",
		"[:::]:5",
		"[::1%nix]:5188",
		"1.2.3:80",
		"localhost:80",
		"127.0.0.1:",
		"*:",
		"127.0.0.1:0",
		"127.0.0.1:70000",
		":5188",
		"[127.0.0.1]:5",
		"\033[31m",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct port_request request;
		char *wrong = port_parse(bad[i], &request);
		const char *errors;

		cr_expect(wrong, "%s", bad[i]);
		free(wrong);
		run_end(&run);
		cr_expect_eq(run_all(&run, false, NULL,
				     ARGV(run_command(), "port", bad[i])),
			     2, "%s", bad[i]);
		errors = run_errors(&run);
		cr_expect(strncmp(errors, "tcpshadow: ", 11) == 0);
		cr_expect_eq(strchr(errors, '\n'), strrchr(errors, '\n'));
		cr_expect_null(strchr(errors, '\033'));
		cr_expect_str_empty(run_output(&run));
	}
}

Test(port, that_makes_sense)
{
	struct port_request request;

	cr_expect_null(port_parse("65535", &request));
	cr_expect(request.any && request.address.port == 65535);
	cr_expect_null(port_parse("*:1", &request));
	cr_expect(request.any && request.address.port == 1);
	cr_expect_null(port_parse("127.0.0.1:080", &request));
	cr_expect(!request.any && request.address.family == AF_INET &&
		  request.address.port == 80);
	cr_expect_null(port_parse("[fe80::1%lo]:80", &request));
	cr_expect(!request.any && request.address.family == AF_INET6 &&
		  request.scope == 1);
}

Test(port, at_an_address_of_another_machine)
{
	isolate();
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "port", "192.0.2.1:80")),
		     2);
	cr_expect(strstr(run_errors(&run), "no address of this machine"));
}

Test(port, that_cannot_be_told_for_a_full_disk)
{
	char line[600];

	snprintf(line, sizeof(line), "%s port 5188 >/dev/full", run_command());
	cr_expect_eq(run_all(&run, false, NULL, ARGV("sh", "-c", line)), 2);
	cr_expect(strstr(run_errors(&run), "could not be written"));
}

/* What a terminal gets. */
static bool has_escapes(const char *variable)
{
	char text[4096] = "";
	size_t length = 0;
	ssize_t got;
	int terminal;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	if (child == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		putenv((char *)variable);
		execl(run_command(), run_command(), "port", "5188", NULL);
		_exit(127);
	}
	cr_assert_gt(child, 0);
	while (length < sizeof(text) - 1 &&
	       (got = read(terminal, text + length,
			   sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(terminal);
	waitpid(child, NULL, 0);
	cr_expect(strstr(text, "port 5188"), "%s", text);
	return strchr(text, '\033') != NULL;
}

Test(port, is_coloured_on_a_terminal_only_and_if_wanted)
{
	isolate();
	cr_expect(has_escapes("UNRELATED=1"));
	cr_expect(has_escapes("NO_COLOR="));
	cr_expect(!has_escapes("NO_COLOR=1"));
	cr_expect(!has_escapes("TERM=dumb"));
}

Test(port, help_goes_to_standard_output)
{
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "port", "--help")),
		     0);
	cr_expect(strstr(run_output(&run), "--json"));
	cr_expect(strstr(run_output(&run), "Exit status: 0"));
}
