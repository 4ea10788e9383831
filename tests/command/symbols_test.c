/*
 * Functions, files and lines of programs as compilers make them: built here, by
 * each compiler that there is.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/run.h"

enum { COMMAND_SIZE = 1024 };

static char folder[] = "/tmp/tcpshadow-symbols-XXXXXX";

/* A double close in an inlined function of a namespace. */
static const char source[] =
	"#include <netinet/in.h>\n"
	"#include <sys/socket.h>\n"
	"#include <unistd.h>\n"
	"namespace outer { namespace inner {\n"
	"__attribute__((always_inline)) inline int inlined(int fd)\n"
	"{\n"
	"	return close(fd) + close(fd);\n"
	"}\n"
	"__attribute__((noinline)) int function(int fd)\n"
	"{\n"
	"	return inlined(fd) + 1;\n"
	"}\n"
	"} }\n"
	"int main()\n"
	"{\n"
	"	outer::inner::function(socket(AF_INET, SOCK_STREAM, 0));\n"
	"	return 0;\n"
	"}\n";

static int shell(const char *format, const char *first, const char *second)
{
	char command[COMMAND_SIZE];

	snprintf(command, sizeof(command), format, first, second);
	return system(command);
}

static void begin(void)
{
	char path[sizeof(folder) + 16];
	FILE *stream;

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/program.cc", folder);
	stream = fopen(path, "w");
	fputs(source, stream);
	fclose(stream);
}

static void end(void)
{
	shell("rm -rf %s%s", folder, "");
}

TestSuite(symbols, .init = begin, .fini = end);

static void check_with(const char *compiler)
{
	static const char *const wanted[] = {
		"inlined (",        "program.cc:7)\n", "function (",
		"program.cc:11)\n", "main (",          "program.cc:16)\n"
	};
	char program[sizeof(folder) + 16];
	const char *at;
	struct run run;

	if (shell("command -v %s >/dev/null%s", compiler, "") != 0)
		cr_skip_test("%s is not installed", compiler);
	cr_assert_eq(shell("cd %2$s && %1$s -g -O1 -fno-optimize-sibling-calls "
			   "-o program program.cc",
			   compiler, folder),
		     0);
	snprintf(program, sizeof(program), "%s/program", folder);
	run_all(&run, false, NULL,
		ARGV(run_command(), "run", "-q", "--", program));
	at = run_errors(&run);
	for (size_t i = 0; at && i < sizeof(wanted) / sizeof(wanted[0]); i++)
		at = strstr(at, wanted[i]);
	cr_expect(at, "%s", run_errors(&run));
	run_end(&run);
}

/* gcc puts the function beside the namespace, and writes .debug_aranges. */
Test(symbols, inlined_functions_of_namespaces_by_gcc)
{
	check_with("g++");
}

/* clang puts it into the namespace, and does not. */
Test(symbols, inlined_functions_of_namespaces_by_clang)
{
	check_with("clang++");
}
