/*
 * What `make install` puts there: it works wherever it is moved to, says what
 * the tables say, and goes away again.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/option.h"
#include "model/rule.h"
#include "model/state.h"
#include "support/run.h"

static const char *source(void)
{
	const char *folder = getenv("TCPSHADOW_SOURCE");

	return folder ? folder : ".";
}

static const char *build(void)
{
	const char *folder = getenv("TCPSHADOW_BUILD");

	return folder ? folder : "build";
}

static const char *const commands[] = {
#define COMMAND(name, arguments, summary) #name,
#include "command/commands.def"
#undef COMMAND
};

static const char *const errnos[] = {
#define ERRNO(number, meaning) #number,
#include "model/errnos.def"
#undef ERRNO
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * A script of the shell; it may use $source, $build, $make (which builds and
 * installs with nothing of the make around us, one at a time) and the words $1,
 * $2...
 */
static int shell(struct run *run, const char *script, const char *first,
		 const char *second)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "set -e; source='%s'; build='%s'; "
		 "make() { flock \"$build/docs\" "
		 "env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make "
		 "--no-print-directory -s -C \"$source\" BUILD=\"$build\" "
		 "\"$@\"; }; %s",
		 source(), build(), script);
	return run_all(run, false, NULL,
		       ARGV("bash", "-c", text, "bash", first, second));
}

#define EXPECT_SHELL(run, script, first, second)                      \
	do {                                                          \
		int shell_status = shell(run, script, first, second); \
		cr_expect_eq(shell_status, 0, "%d\n%s", shell_status, \
			     run_errors(run));                        \
	} while (0)

/* Installs, moves what has been installed, and leaves the shell there. */
#define INSTALL_AND_MOVE                                        \
	"folder=$(mktemp -d); trap 'rm -rf \"$folder\"' EXIT; " \
	"libdir=$(eval echo \"${1:-lib}\"); "                   \
	"make install PREFIX=/usr DESTDIR=\"$folder/stage\" "   \
	"LIBDIR=$libdir; mkdir \"$folder/other\"; "             \
	"mv \"$folder/stage/usr\" \"$folder/other/place\"; "    \
	"cd \"$folder/other/place\"; "

static const char finds_its_pieces[] = INSTALL_AND_MOVE
	"status=0; bin/tcpshadow run \"$build/examples/sigpipe-death/bad\" "
	"2>\"$folder/text\" || status=$?; cat \"$folder/text\"; "
	"[ $status -eq 141 ]; grep -q '\\[sigpipe-death\\]' \"$folder/text\"; "
	"grep -q 'bad.c:' \"$folder/text\"";

Test(install, a_tree_that_was_moved_finds_its_pieces)
{
	struct run run;

	EXPECT_SHELL(&run, finds_its_pieces, "lib", NULL);
	run_end(&run);
	EXPECT_SHELL(&run, finds_its_pieces, "lib/tcpshadow", NULL);
	run_end(&run);
	EXPECT_SHELL(&run, finds_its_pieces,
		     "lib/$(gcc -print-multiarch)/tcpshadow", NULL);
	run_end(&run);
}

Test(install, without_the_library_it_says_so)
{
	struct run run;

	cr_expect_eq(shell(&run,
			   INSTALL_AND_MOVE "rm lib/libtcpshadow.so; "
					    "exec bin/tcpshadow run true",
			   NULL, NULL),
		     2);
	cr_expect(strstr(run_errors(&run), "libtcpshadow.so is neither"), "%s",
		  run.text);
	run_end(&run);
}

/* The loader takes a space in LD_PRELOAD for the end of the name. */
Test(install, a_folder_that_cannot_be_preloaded_from_is_refused)
{
	struct run run;

	cr_expect_eq(shell(&run,
			   INSTALL_AND_MOVE
			   "mv \"$folder/other\" \"$folder/an other\"; "
			   "\"$folder/an other/place/bin/tcpshadow\" run true",
			   NULL, NULL),
		     2);
	cr_expect(strstr(run_errors(&run), "LD_PRELOAD"), "%s", run.text);
	run_end(&run);
}

/* A program is built by what pkg-config says of the moved tree. */
Test(install, pkg_config_tells_where_header_and_library_are)
{
	struct run run;

	EXPECT_SHELL(
		&run,
		INSTALL_AND_MOVE
		"export PKG_CONFIG_PATH=$PWD/share/pkgconfig; "
		"library=$(pkg-config --variable=library tcpshadow); "
		"[ \"$(readlink -f \"$library\")\" = "
		"\"$PWD/lib/libtcpshadow.so\" ]; "
		"version=$(bin/tcpshadow --version); "
		"[ \"tcpshadow $(pkg-config --modversion tcpshadow)\" = "
		"\"$version\" ]; "
		"[ ! -e \"$source/include/tcpshadow.h\" ] || "
		"{ echo '#include <tcpshadow.h>' "
		"'int main(void) { return tcpshadow_active(); }' | "
		"sed 's/> /&\\n/' | "
		"eval \"gcc $(pkg-config --cflags tcpshadow) -x c -o asks -\"; "
		"./asks; }",
		NULL, NULL);
	run_end(&run);
}

Test(install, the_links_of_its_pages_lead_somewhere)
{
	struct run run;

	EXPECT_SHELL(&run,
		     INSTALL_AND_MOVE
		     "cd share/doc/tcpshadow; links=0; "
		     "for page in *.md rules/*.md; do "
		     "for link in $(grep -o ']([^):#]*)' \"$page\" | "
		     "tr -d ']()'); do links=$((links + 1)); "
		     "[ -e \"$(dirname \"$page\")/$link\" ] || "
		     "{ echo \"$page: $link\" >&2; exit 1; }; done; done; "
		     "[ $links -gt 5 ]",
		     NULL, NULL);
	run_end(&run);
}

Test(install, uninstall_leaves_nothing)
{
	struct run run;

	EXPECT_SHELL(&run,
		     "folder=$(mktemp -d); trap 'rm -rf \"$folder\"' EXIT; "
		     "for libdir in lib lib/tcpshadow; do "
		     "make install DESTDIR=$folder LIBDIR=$libdir; "
		     "[ -x $folder/usr/local/bin/tcpshadow ]; "
		     "make uninstall DESTDIR=$folder LIBDIR=$libdir; "
		     "[ -z \"$(find $folder ! -type d)\" ]; "
		     "[ -z \"$(find $folder -name '*tcpshadow*')\" ]; done",
		     NULL, NULL);
	run_end(&run);
}

/* A page as a reader has it: without the marks of roff, on one line. */
static const char *read_page(struct run *run, const char *page)
{
	EXPECT_SHELL(run,
		     "man -l -Tutf8 -P cat \"$build/docs/man/$1\" "
		     "--no-hyphenation --no-justification | col -bx | "
		     "sed 's/\\xe2\\x80\\x90/-/g; s/\\xe2\\x88\\x92/-/g' | "
		     "tr -s ' \\n' ' '",
		     page, NULL);
	return run_output(run);
}

Test(install, the_pages_say_what_the_tables_say)
{
	struct run run;
	const char *page = read_page(&run, "tcpshadow.1");
	char wanted[256];

	for (size_t i = 0; i < COUNT(commands); i++) {
		snprintf(wanted, sizeof(wanted), "tcpshadow %s", commands[i]);
		cr_expect(strstr(page, wanted), "%s", wanted);
	}
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		bool of_command = row->scope == SCOPE_RUN ||
				  row->scope == SCOPE_BOTH;

		snprintf(wanted, sizeof(wanted), "--%s%s%s %s", row->name,
			 row->values[0] ? "=" : "", row->values, row->help);
		cr_expect_eq(strstr(page, wanted) != NULL, of_command, "%s",
			     wanted);
		snprintf(wanted, sizeof(wanted), "%s=", row->environment);
		cr_expect_eq(strstr(page, wanted) != NULL,
			     row->scope == SCOPE_RUN, "%s", wanted);
	}
	for (int i = 0; i < RULE_COUNT; i++) {
		snprintf(wanted, sizeof(wanted), "%s (%s) %s",
			 rule_slug((enum rule)i),
			 severity_name(rule_severity((enum rule)i)),
			 rule_summary((enum rule)i));
		cr_expect(strstr(page, wanted), "%s", wanted);
	}
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		snprintf(wanted, sizeof(wanted), "%s %s",
			 state_name((enum tcp_state)i),
			 state_meaning((enum tcp_state)i));
		cr_expect(strstr(page, wanted), "%s", wanted);
	}
	run_end(&run);
	page = read_page(&run, "libtcpshadow.3");
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		bool of_library = row->scope == SCOPE_LIBRARY ||
				  row->scope == SCOPE_BOTH;

		snprintf(wanted, sizeof(wanted), "%s=%s %s", row->environment,
			 row->values, row->help);
		cr_expect_eq(strstr(page, wanted) != NULL, of_library, "%s",
			     wanted);
	}
	run_end(&run);
}

/* Each call of the public header, with what is said of it there. */
Test(install, the_page_of_the_library_has_each_call)
{
	struct run run;

	EXPECT_SHELL(&run,
		     "header=$source/include/tcpshadow.h; "
		     "page=$build/docs/man/libtcpshadow.3; "
		     "[ -e $header ] || exit 0; "
		     "calls=$(sed -n 's/^TCPSHADOW_CALL "
		     ".*\\(tcpshadow_[a-z]*\\)(.*/\\1/p' $header); "
		     "[ -n \"$calls\" ]; for call in $calls; do "
		     "grep -A 1 \"^.fB.*$call(.*;.fR\" $page | "
		     "grep -q '^[^.]'  || { echo $call >&2; exit 1; }; done",
		     NULL, NULL);
	run_end(&run);
}

Test(install, the_pages_are_clean)
{
	static const char *const pages[] = { "tcpshadow.1", "libtcpshadow.3" };

	for (size_t i = 0; i < COUNT(pages); i++) {
		struct run run;

		EXPECT_SHELL(&run,
			     "page=$build/docs/man/$1; "
			     "mandoc -T lint -W warning $page; "
			     "man --warnings -E UTF-8 -l -Tutf8 -Z $page "
			     "2>&1 >/dev/null",
			     pages[i], NULL);
		cr_expect_str_eq(run_output(&run), "");
		run_end(&run);
	}
}

/* What the completion of bash offers for these words; *run is to be ended. */
static const char *complete(struct run *run, const char *const *words)
{
	const char *argv[12];
	char script[512];
	char file[512];
	size_t count = 0;

	snprintf(script, sizeof(script), "%s/tests/tree/complete.bash",
		 source());
	snprintf(file, sizeof(file), "%s/docs/completion/tcpshadow.bash",
		 build());
	argv[count++] = script;
	argv[count++] = file;
	argv[count++] = "tcpshadow";
	while (*words && count < COUNT(argv) - 1)
		argv[count++] = *words++;
	argv[count] = NULL;
	cr_assert_eq(run_all(run, false, NULL, argv), 0, "%s", run_errors(run));
	cr_expect_str_eq(run_errors(run), "");
	return run_output(run);
}

/* The wanted word and no other; with more, at least that one. */
static void expect_offer(const char *const *words, const char *wanted,
			 bool alone)
{
	struct run run;
	char line[128];
	char text[512];

	snprintf(text, sizeof(text), "\n%.500s", complete(&run, words));
	snprintf(line, sizeof(line), "\n%s\n", wanted);
	if (alone)
		cr_expect_str_eq(text, line);
	else
		cr_expect(strstr(text, line), "%s: %s", wanted, text);
	run_end(&run);
}

static bool is_placeholder(const char *word)
{
	return strcmp(word, "FILE") == 0 || strcmp(word, "NUMBER") == 0 ||
	       strcmp(word, "LIST") == 0 || strstr(word, "..");
}

/* A text without its last letter, to be completed. */
static const char *begun(const char *text)
{
	static char start[128];

	snprintf(start, sizeof(start), "%.*s", (int)strlen(text) - 1, text);
	return start;
}

Test(install, bash_completes_every_option_and_its_values)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		char values[128];
		char flag[64];
		char *rest = values;
		char *word;

		if (row->scope == SCOPE_HIDDEN || row->scope == SCOPE_LIBRARY)
			continue;
		snprintf(flag, sizeof(flag), "--%s%s", row->name,
			 row->values[0] ? "=" : "");
		expect_offer(ARGV("run", "-v", begun(flag)), flag, true);
		flag[strcspn(flag, "=")] = '\0';
		snprintf(values, sizeof(values), "%s", row->values);
		while (row->values[0] && (word = strsep(&rest, "|")) != NULL) {
			if (!is_placeholder(word))
				expect_offer(ARGV("run", flag, "=",
						  begun(word)),
					     word, false);
		}
	}
}

Test(install, bash_completes_rules_states_and_error_numbers)
{
	for (int i = 0; i < RULE_COUNT; i++) {
		const char *slug = rule_slug((enum rule)i);
		char list[64];

		expect_offer(ARGV("explain", begun(slug)), slug, true);
		snprintf(list, sizeof(list), "error,%s", slug);
		expect_offer(ARGV("run", "--fail-on", "=", begun(list)), list,
			     true);
	}
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		const char *name = state_name((enum tcp_state)i);

		expect_offer(ARGV("explain", begun(name)), name, false);
	}
	for (size_t i = 0; i < COUNT(errnos); i++)
		expect_offer(ARGV("explain", begun(errnos[i])), errnos[i],
			     false);
}

Test(install, bash_knows_where_the_program_begins)
{
	struct run run;

	expect_offer(ARGV("por"), "port", true);
	expect_offer(ARGV("port", "--js"), "--json", true);
	expect_offer(ARGV("report", "--jun"), "--junit=", true);
	/* A stored run is not stored again. */
	expect_offer(ARGV("report", "--trac"), "", true);
	expect_offer(ARGV("run", "--wait", "=", "all", "pkg-confi"),
		     "pkg-config", true);
	expect_offer(ARGV("run", "--", "true", "/etc/hostnam"), "/etc/hostname",
		     true);
	expect_offer(ARGV("run", "--html", "=", "/etc/hostnam"),
		     "/etc/hostname", true);
	/* The options of the program are not ours. */
	cr_expect_null(
		strstr(complete(&run, ARGV("run", "-v", "true", "--verbos")),
		       "--verbose"));
	run_end(&run);
}

Test(install, zsh_completes_options_values_and_pages)
{
	static const char *const lines[][2] = {
		{ "tcpshadow repor", "tcpshadow report " },
		{ "tcpshadow run --reuse", "tcpshadow run --reuseaddr=" },
		{ "tcpshadow run --reuseaddr=on-",
		  "tcpshadow run --reuseaddr=on-conflict " },
		{ "tcpshadow run -v --left-open=of",
		  "tcpshadow run -v --left-open=off " },
		{ "tcpshadow run --fail-on=note,sigpipe-d",
		  "tcpshadow run --fail-on=note,sigpipe-death," },
		{ "tcpshadow run --depth=3 --quie",
		  "tcpshadow run --depth=3 --quiet " },
		{ "tcpshadow run --html=/etc/hostna",
		  "tcpshadow run --html=/etc/hostname " },
		{ "tcpshadow run -v true --verb",
		  "tcpshadow run -v true --verb" },
		{ "tcpshadow port --js", "tcpshadow port --json " },
		{ "tcpshadow report --juni", "tcpshadow report --junit=" },
		{ "tcpshadow explain sigpipe-d",
		  "tcpshadow explain sigpipe-death " },
		{ "tcpshadow explain TIME_W", "tcpshadow explain TIME_WAIT " },
		{ "tcpshadow explain EADDRI", "tcpshadow explain EADDRINUSE " },
	};
	const char *argv[COUNT(lines) + 3];
	char script[512];
	char folder[512];
	char wanted[2048] = "";
	struct run run;

	snprintf(script, sizeof(script), "%s/tests/tree/complete.zsh",
		 source());
	snprintf(folder, sizeof(folder), "%s/docs/completion", build());
	argv[0] = script;
	argv[1] = folder;
	for (size_t i = 0; i < COUNT(lines); i++) {
		argv[i + 2] = lines[i][0];
		strcat(strcat(wanted, lines[i][1]), "\n");
	}
	argv[COUNT(lines) + 2] = NULL;
	cr_expect_eq(run_all(&run, false, NULL, argv), 0, "%s",
		     run_errors(&run));
	cr_expect_str_eq(run_output(&run), wanted);
	run_end(&run);
}
