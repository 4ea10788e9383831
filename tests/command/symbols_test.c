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

/*
 * A double close in a function of this name on a line of this number, by a
 * program or a library: the same code.
 */
static void write_source(const char *name, const char *function, int line)
{
	char path[sizeof(folder) + 32];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	stream = fopen(path, "w");
	cr_assert(stream);
	fputs("#include <netinet/in.h>\n#include <sys/socket.h>\n"
	      "#include <unistd.h>\n",
	      stream);
	fprintf(stream,
		"#line %d\n"
		"int %s(void) {\n"
		"int fd = socket(AF_INET, SOCK_STREAM, 0);\n"
		"return close(fd) + close(fd);\n"
		"}\n",
		line - 2, function);
	fprintf(stream,
		"#ifdef PROGRAM\nint main(void) { return %s() > 0; }\n"
		"#endif\n",
		function);
	fclose(stream);
}

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

/* "#0 FUNCTION (", and the line's end. */
static bool tells(const char *text, const char *function, const char *place)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "#0 %s (", function);
	for (; (text = strstr(text, wanted)) != NULL; text++) {
		if (strncmp(strchr(text, '\n') - strlen(place), place,
			    strlen(place)) == 0)
			return true;
	}
	return false;
}

static void check_rebuilt(const char *option)
{
	static const char script[] =
		"for source in first second; do gcc -g -DPROGRAM %1$s -o "
		"%2$s/a.out %2$s/$source.c && %2$s/a.out; done";
	char trace[sizeof(folder) + 32];
	char command[COMMAND_SIZE];
	struct run run;

	write_source("first.c", "first", 20);
	write_source("second.c", "other", 50);
	snprintf(command, sizeof(command), script, option, folder);
	snprintf(trace, sizeof(trace), "--trace=%s/trace", folder);
	run_all(&run, false, NULL,
		ARGV(run_command(), "run", "-q", trace, "sh", "-c", command));
	cr_expect(tells(run_errors(&run), "first", "first.c:20)"), "%s",
		  run.text);
	cr_expect(tells(run.text, "other", "second.c:50)"), "%s", run.text);
	run_end(&run);
	run_all(&run, false, NULL,
		ARGV(run_command(), "report", trace + strlen("--trace=")));
	cr_expect(tells(run_errors(&run), "first", "first.c:20)"), "%s",
		  run.text);
	cr_expect(tells(run.text, "other", "second.c:50)"), "%s", run.text);
	run_end(&run);
}

/* As test suites do, which build one program after the other under one name. */
Test(symbols, a_program_that_is_built_again_is_told_by_its_own_lines)
{
	check_rebuilt("");
}

Test(symbols, so_it_is_without_build_ids)
{
	check_rebuilt("-Wl,--build-id=none");
}

/* What runs is not what the path leads to now. */
static void check_replaced(const char *option)
{
	static const char script[] =
		"cd %2$s && gcc -g -shared -fPIC %1$s -o lib.so first.c && "
		"gcc -g -shared -fPIC %1$s -o new.so second.c && "
		"gcc -g -o program program.c %2$s/lib.so";
	char program[sizeof(folder) + 16];
	char path[sizeof(folder) + 16];
	FILE *stream;
	struct run run;

	write_source("first.c", "called", 20);
	write_source("second.c", "unrelated_to_it", 50);
	snprintf(path, sizeof(path), "%s/program.c", folder);
	stream = fopen(path, "w");
	fprintf(stream, "#include <stdio.h>\nint called(void);\n"
			"int main(void) { rename(\"new.so\", \"lib.so\");"
			"return called() > 0; }\n");
	fclose(stream);
	cr_assert_eq(shell(script, option, folder), 0);
	snprintf(program, sizeof(program), "cd %s && ./program", folder);
	run_all(&run, false, NULL,
		ARGV(run_command(), "run", "-q", "sh", "-c", program));
	cr_expect(strstr(run_errors(&run), "#0 lib.so+0x"), "%s", run.text);
	cr_expect_null(strstr(run.text, "unrelated_to_it"), "%s", run.text);
	cr_expect(strstr(run.text, " main ("), "%s", run.text);
	run_end(&run);
}

Test(symbols, a_library_that_was_replaced_is_not_explained_by_the_new_one)
{
	check_replaced("");
}

Test(symbols, nor_is_it_without_build_ids)
{
	check_replaced("-Wl,--build-id=none");
}

Test(symbols, the_path_need_not_be_ascii)
{
	char program[sizeof(folder) + 32];
	struct run run;

	write_source("first.c", "first", 20);
	cr_assert_eq(shell("mkdir %1$s/m\303\274ller && gcc -g -DPROGRAM -o "
			   "%1$s/m\303\274ller/a.out %1$s/first.c%2$s",
			   folder, ""),
		     0);
	snprintf(program, sizeof(program), "%s/m\303\274ller/a.out", folder);
	run_all(&run, false, NULL, ARGV(run_command(), "run", "-q", program));
	cr_expect(tells(run_errors(&run), "first", "first.c:20)"), "%s",
		  run.text);
	run_end(&run);
}
