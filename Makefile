# tcpshadow. `make help` lists the targets; `make V=1` shows the commands.

CC ?= gcc
CXX ?= g++
PREFIX ?= /usr/local
DESTDIR ?=
# Below PREFIX. The command looks beside itself, in ../lib, ../lib/tcpshadow and
# the same two of the multiarch folder.
LIBDIR ?= lib
BUILD ?= build
SOAK ?= 20
-include config.mak

V ?= 0
ifeq ($(V),0)
Q = @
say = @printf '  %-4s %s\n' $(1) $(2);
else
Q =
say =
endif

WARNINGS = -Wall -Wextra -Wshadow -Wmissing-prototypes
ifneq ($(filter true,$(CI))$(filter 1,$(WERROR)),)
WARNINGS += -Werror
endif
BASE_LANGUAGE = -std=gnu11 -D_GNU_SOURCE -Isrc -Iinclude
BASE = $(BASE_LANGUAGE) -g $(WARNINGS) -MMD -MP $(CPPFLAGS)
COMMA = ,
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
VERSION := $(shell sed -n 's/.*define TCPSHADOW_VERSION "\(.*\)"/\1/p' \
	src/command/command.h)

# The library lives inside other programs: nothing of it shows but the wrapped
# names, exceptions and cancellation pass through it, it wraps the FORTIFY names
# instead of using them. What a packager's CFLAGS ask for must not bring in
# __stack_chk_fail, which ends the program.
# As a whole: what a connection takes is spread over twenty files, and it comes
# when the kernel has just used the caches. LTO= builds without (clang would
# need another linker).
IS_CLANG := $(findstring clang,$(shell $(CC) --version))
LTO := $(if $(IS_CLANG),,-flto=auto)
# A program may call with a stack that is not aligned: the kernel does not mind,
# and libc's wrappers do not notice. Other registers are stored in pairs, and die.
# (Without them gcc copies what is larger by `rep movs`, which starts slowly.)
GENERAL := $(if $(filter x86_64-%,$(MULTIARCH)),-mgeneral-regs-only \
	$(if $(IS_CLANG),,$(foreach call,memcpy memset, \
	-m$(call)-strategy=unrolled_loop:256:noalign$(COMMA)libcall:-1:noalign)))
LIBRARY_CFLAGS = $(BASE) -O2 $(LTO) $(GENERAL) -fPIC -fvisibility=hidden -fexceptions \
	-fasynchronous-unwind-tables -ftls-model=initial-exec \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0 $(CFLAGS) -fno-stack-protector
# Two mappings less than with code apart: a hundredth of a short program.
LIBRARY_LDFLAGS = -shared -Wl,-z,now,-z,relro,-z,defs,-z,noseparate-code \
	-Wl,--version-script=$(BUILD)/libtcpshadow.map
TEST_CFLAGS = $(BASE) -O1 -Itests $(CFLAGS)

LIBRARY = $(BUILD)/libtcpshadow.so
LIBRARY_SOURCES = $(wildcard src/model/*.c src/kernel/*.c src/shim/*.c) \
	src/ring/append.c
LIBRARY_OBJECTS = $(LIBRARY_SOURCES:%.c=$(BUILD)/library/%.o)

# model, kernel and ring are plain code: tests link them, without preloading.
PLAIN_SOURCES = $(wildcard src/model/*.c src/kernel/*.c src/ring/*.c \
	tests/support/*.c)
PLAIN_OBJECTS = $(PLAIN_SOURCES:%.c=$(BUILD)/plain/%.o)

# The command. Everything but main is linked to its tests too.
COMMAND = $(BUILD)/tcpshadow
COMMAND_PACKAGES = libdw libelf jansson libxml-2.0
COMMAND_CFLAGS = $(BASE) -O2 -I$(GENERATED) \
	$(if $(MULTIARCH),-DMULTIARCH='"$(MULTIARCH)"') \
	$(shell pkg-config --cflags $(COMMAND_PACKAGES)) \
	$(CFLAGS)
COMMAND_LIBS = $(shell pkg-config --libs $(COMMAND_PACKAGES)) -liberty -lm
COMMAND_SOURCES = $(wildcard src/command/*.c)
GENERATED = $(BUILD)/generated
COMMAND_OBJECTS = $(COMMAND_SOURCES:%.c=$(BUILD)/command/%.o)
COMMON_OBJECTS = $(patsubst %.c,$(BUILD)/plain/%.o, \
	$(wildcard src/model/*.c src/kernel/*.c src/ring/*.c))

EXAMPLE_SOURCES = $(filter-out examples/echo.c,$(wildcard examples/*.c)) \
	$(wildcard examples/*/*.c)
EXAMPLES = $(EXAMPLE_SOURCES:%.c=$(BUILD)/%)
CXX_EXAMPLES = $(patsubst %.cc,$(BUILD)/%,$(wildcard examples/*/*.cc))

TEST_SOURCES = $(wildcard tests/model/*_test.c tests/kernel/*_test.c \
	tests/ring/*_test.c tests/command/*_test.c tests/fuzz/*_test.c tests/shim/*_test.c tests/scenarios/*_test.c tests/real/*_test.c \
	tests/tree/*_test.c)
TESTS = $(TEST_SOURCES:%.c=$(BUILD)/%)
PROGRAM_SOURCES = $(filter-out tests/programs/lib%,$(wildcard tests/programs/*.c))
MODULE_SOURCES = $(wildcard tests/programs/lib*.c)
CXX_MODULE_SOURCES = $(wildcard tests/programs/lib*.cc)
CXX_SOURCES = $(filter-out tests/programs/lib%,$(wildcard tests/programs/*.cc))
PROGRAMS = $(PROGRAM_SOURCES:%.c=$(BUILD)/%) $(MODULE_SOURCES:%.c=$(BUILD)/%.so) \
	$(CXX_MODULE_SOURCES:%.cc=$(BUILD)/%.so) $(CXX_SOURCES:%.cc=$(BUILD)/%)

# Fuzz targets: by clang for `make fuzz`, and to run over their corpora.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS = $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_CFLAGS = $(COMMAND_CFLAGS) -O1 -Itests -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_OBJECTS = $(patsubst %.c,$(BUILD)/fuzz/%.o, $(wildcard src/model/*.c \
	src/kernel/*.c src/ring/*.c) $(filter-out %/main.c,$(COMMAND_SOURCES)))
FUZZERS = $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
REPLAYS = $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/%_replay)

# Man pages and completion: templates, filled from the tables.
PAGES = $(BUILD)/docs/man/tcpshadow.1 $(BUILD)/docs/man/libtcpshadow.3 \
	$(BUILD)/docs/completion/tcpshadow.bash $(BUILD)/docs/completion/_tcpshadow

# The first line of a test program may carry flags: /* build: -pthread */
flags_of = $(shell sed -n '1s|^/\* build: \(.*\) \*/$$|\1|p' $(1))

all: $(LIBRARY) $(COMMAND) $(EXAMPLES) ## build the library, the command and the examples (default)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

$(BUILD)/libtcpshadow.map: src/model/calls.def src/model/public.def
	@mkdir -p $(@D)
	$(call say,MAP,$@)
	$(Q){ echo '{ global:'; \
	sed -n -E 's/^(CALL|PUBLIC)\(([A-Za-z0-9_]*),.*/	\2;/p' $^; \
	echo 'local: *; };'; } > $@

$(BUILD)/library/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(LIBRARY_CFLAGS) -c -o $@ $<

$(LIBRARY): $(LIBRARY_OBJECTS) $(BUILD)/libtcpshadow.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(LTO) $(LDFLAGS) $(LIBRARY_LDFLAGS) -o $@ \
	$(LIBRARY_OBJECTS)

# The command carries the pages of the rules, as C strings.
$(GENERATED)/command/pages.def: $(wildcard docs/rules/*.md)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)for page in $^; do \
	slug=$${page##*/}; \
	echo "PAGE(\"$${slug%.md}\","; \
	sed -e 's/[\\"]/\\&/g' -e 's/.*/	"&\\n"/' $$page; \
	echo ')'; done > $@

$(BUILD)/command/src/command/pages.o: $(GENERATED)/command/pages.def

$(BUILD)/command/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(COMMAND_CFLAGS) -c -o $@ $<

$(COMMAND): $(COMMAND_OBJECTS) $(COMMON_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(COMMAND_LIBS)

$(BUILD)/plain/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(TEST_CFLAGS) -c -o $@ $<

$(BUILD)/examples/echo%: examples/echo%.c examples/echo.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O1 -rdynamic -o $@ $< examples/echo.c

$(BUILD)/examples/%: examples/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O1 -rdynamic -pthread -o $@ $<

$(BUILD)/examples/%: examples/%.cc
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -g -O1 -Wall -Iinclude -MMD -MP -o $@ $<

$(BUILD)/tests/programs/lib%.so: tests/programs/lib%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O1 -fPIC -shared -o $@ $< $(call flags_of,$<)

$(BUILD)/tests/programs/lib%.so: tests/programs/lib%.cc
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -g -O1 -D_GNU_SOURCE -Wall -Wextra -MMD -MP -fPIC -shared -o $@ $<

$(BUILD)/tests/programs/%: tests/programs/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O1 -fno-inline -rdynamic -o $@ $< $(call flags_of,$<)

$(BUILD)/tests/programs/%: tests/programs/%.cc
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -g -O1 -D_GNU_SOURCE -Wall -Wextra -MMD -MP -o $@ $< $(call flags_of,$<)

$(BUILD)/tests/command/%_test: tests/command/%_test.c $(PLAIN_OBJECTS) \
		$(filter-out %/main.o,$(COMMAND_OBJECTS))
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) $(COMMAND_CFLAGS) -o $@ $(filter %.c %.o,$^) \
	-lcriterion $(COMMAND_LIBS) -pthread

# Archives: a target may bring its own version of an object.
$(BUILD)/command.a: $(COMMON_OBJECTS) $(filter-out %/main.o,$(COMMAND_OBJECTS))
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/fuzz/command.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/tests/fuzz/%_replay: tests/fuzz/%_fuzz.c tests/fuzz/replay.c \
		$(BUILD)/command.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $< tests/fuzz/replay.c \
	$(BUILD)/command.a $(COMMAND_LIBS)

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZERS): $(BUILD)/fuzz/%: tests/fuzz/%_fuzz.c $(BUILD)/fuzz/command.a
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $< $(BUILD)/fuzz/command.a $(COMMAND_LIBS)

# The library without its wrappers: they would be this program's own calls.
STRESS_OBJECTS = $(patsubst %.c,$(BUILD)/plain/%.o,$(filter-out \
	src/shim/wrap_%,$(wildcard src/shim/*.c)))

$(BUILD)/tests/shim/stress: tests/shim/stress.c $(COMMON_OBJECTS) \
		$(STRESS_OBJECTS)
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.o,$^) -pthread

# With suppressions of its own.
$(BUILD)/tests/shim/report_test: tests/shim/report_test.c $(PLAIN_OBJECTS) \
		$(filter-out %/suppressed.o,$(STRESS_OBJECTS))
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.o,$^) -lcriterion -pthread

$(BUILD)/shim.a: $(STRESS_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

# With parts of the library, some of which the test brings itself.
SHIM_TESTS = $(patsubst %,$(BUILD)/tests/shim/%_test,frames initial)

$(SHIM_TESTS): $(BUILD)/tests/%_test: tests/%_test.c $(PLAIN_OBJECTS) \
		$(BUILD)/shim.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $< $(PLAIN_OBJECTS) $(BUILD)/shim.a \
	-lcriterion -pthread

$(BUILD)/tests/%_test: tests/%_test.c $(PLAIN_OBJECTS)
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $< $(PLAIN_OBJECTS) -lcriterion -pthread

# What `make bench` runs. events is linked with the library's own objects.
BENCH_LIBRARY = $(BUILD)/tests/bench/libnothing.so
BENCH = $(addprefix $(BUILD)/tests/bench/,calls echo spawn growth ringed events) \
	$(BENCH_LIBRARY)

$(BENCH_LIBRARY): tests/bench/nothing.c src/model/calls.def
	@mkdir -p $(@D)
	$(call say,CC,$<)
	-$(Q)$(CC) $(BASE) -O2 -fPIC -shared -o $@ $<

$(BUILD)/tests/bench/libending.so: tests/bench/ending.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O2 -fPIC -shared -o $@ $<

$(BUILD)/tests/bench/growth: tests/bench/growth.c \
		$(BUILD)/tests/bench/libending.so
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O2 -o $@ $^ -Wl,-rpath,'$$ORIGIN'

$(BUILD)/tests/bench/ringed: tests/bench/ringed.c $(COMMON_OBJECTS)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O2 -o $@ $(filter %.c %.o,$^)

$(BUILD)/tests/bench/events: tests/bench/events.c $(LIBRARY_OBJECTS)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O2 -o $@ $(filter %.c %.o,$^)

$(BUILD)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) -O2 -o $@ $<

bench: ## what it costs, against plain programs and other tools
	$(Q).ci/install build bench
	$(Q)$(MAKE) --no-print-directory all bench-programs
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) python3 -B tests/bench/bench.py \
	$(BENCH_OPTIONS)

bench-programs: $(BENCH)

deps: ## install the Debian packages that are missing
	$(Q)BUILD=$(BUILD) .ci/install build test real runners npm

demo: ## install what is missing, build, and show why a client dies
	$(Q).ci/install build
	$(Q)$(MAKE) --no-print-directory all
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) examples/demo

tests: all $(CXX_EXAMPLES) $(TESTS) $(PROGRAMS) $(REPLAYS) $(PAGES) \
	$(BUILD)/tests/shim/stress ## build all tests

test: deps ## install what is missing, build, run every test
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) TCPSHADOW_SOURCE=$(CURDIR) \
	tests/run $(TESTS)

pictures: ## the tests of pictures, with a browser and promtool
	$(Q).ci/install build test pictures
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) TCPSHADOW_SOURCE=$(CURDIR) \
	tests/run $(patsubst %,$(BUILD)/tests/command/%_test,html perfetto \
	prometheus)

soak: ## torture at length: minutes, not seconds
	$(Q).ci/install build test real soak
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) TCPSHADOW_SOURCE=$(CURDIR) \
	TORTURE_FACTOR=$(SOAK) \
	$(BUILD)/tests/scenarios/torture_test --jobs 2 --timeout 1200
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) TCPSHADOW_SOURCE=$(CURDIR) \
	tests/run $(BUILD)/tests/shim/company_test

check-real: ## test suites and servers that are not ours, plain and preloaded (20 min, root)
	$(Q).ci/install build test real foreign
	$(Q)$(MAKE) --no-print-directory $(LIBRARY)
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) tests/foreign/run

FORMATTED = $(wildcard src/*/*.[ch] include/*.h docs/*.c tests/*/*.[ch] \
	examples/*.[ch] examples/*/*.[ch])

lint: ## static analysis, and the format of the sources
	$(Q).ci/install lint
	$(Q)clang-format --dry-run -Werror $(FORMATTED)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j2 \
	--enable=warning,portability -Isrc -D__x86_64__ '-DElfW(type)=Elf64_##type' \
	--suppressions-list=.cppcheck src docs/fill.c
	$(Q)printf '%s\n' $(LIBRARY_SOURCES) | xargs -P 2 -n 1 sh -c \
	'clang-tidy --quiet "$$@" -- $(BASE_LANGUAGE)' _

format: ## format the sources
	$(Q).ci/install lint
	$(Q)clang-format -i $(FORMATTED)

sanitize: ## unit tests and stress with AddressSanitizer, UBSan, ThreadSanitizer
	$(Q).ci/install build test
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitize \
	CFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined' \
	unit stress
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/thread \
	CFLAGS='-fsanitize=thread -Wno-tsan' stress

stress: $(BUILD)/tests/shim/stress ## the parts that threads share, from many threads
	$(Q)TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.suppressions \
	history_size=7" $<

UNIT_TESTS = $(filter $(BUILD)/tests/model/% $(BUILD)/tests/kernel/% \
	$(BUILD)/tests/ring/%,$(TESTS)) $(BUILD)/tests/command/session_test \
	$(BUILD)/tests/command/intake_test $(BUILD)/tests/fuzz/corpus_test

unit: $(UNIT_TESTS) $(REPLAYS) ## the tests that need no preloading
	$(Q)TCPSHADOW_BUILD=$(abspath $(BUILD)) TCPSHADOW_SOURCE=$(CURDIR) \
	tests/run $(filter %_test,$^)

fuzz: ## fuzz every reader, each FUZZ_SECONDS (60)
	$(Q).ci/install build fuzz
	$(Q)$(MAKE) --no-print-directory $(FUZZERS)
	$(Q)set -e; for target in $(FUZZ_TARGETS); do \
	mkdir -p $(BUILD)/fuzz/corpus/$$target; echo "== $$target"; \
	$(BUILD)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) \
	-rss_limit_mb=2048 -timeout=20 -close_fd_mask=3 -print_final_stats=1 \
	-artifact_prefix=$(BUILD)/fuzz/$$target- \
	$$(ls tests/fuzz/$$target.dict 2>/dev/null | sed s/^/-dict=/) \
	$(BUILD)/fuzz/corpus/$$target tests/fuzz/corpus/$$target; done

coverage: ## which lines of the library the tests run, and which never
	$(Q).ci/install build test real fuzz
	$(Q)BUILD=$(BUILD)/coverage tests/coverage/run

$(BUILD)/docs/fill: docs/fill.c $(BUILD)/command.a
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(COMMAND_CFLAGS) -o $@ $< $(BUILD)/command.a $(COMMAND_LIBS)

$(PAGES): $(BUILD)/%: %.in $(BUILD)/docs/fill $(wildcard include/*.h)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(BUILD)/docs/fill <$< >$@.new && mv $@.new $@

pages: $(PAGES) ## make the man pages and the shell completion

# What is installed, MODE:SOURCE:FOLDER, the folder below PREFIX.
DOC = share/doc/tcpshadow
INSTALLED = 755:$(COMMAND):bin 644:$(LIBRARY):$(LIBDIR) \
	$(patsubst %,644:%:include,$(wildcard include/*.h)) \
	644:$(BUILD)/docs/man/tcpshadow.1:share/man/man1 \
	644:$(BUILD)/docs/man/libtcpshadow.3:share/man/man3 \
	644:$(BUILD)/docs/completion/_tcpshadow:share/zsh/site-functions \
	$(patsubst %,644:%:$(DOC),README.md HACKING.md NEWS.md LICENSE \
	docs/limits.md docs/performance.md \
	$(wildcard docs/*.json)) \
	$(patsubst %,644:%:$(DOC)/examples/api,$(wildcard examples/api/*)) \
	$(patsubst %,644:%:$(DOC)/rules,$(wildcard docs/rules/*.md))
# Named after the command, as bash-completion wants it.
BASH_COMPLETION = share/bash-completion/completions/tcpshadow
PKG_CONFIG_DIR ?= share/pkgconfig
PKG_CONFIG_FILE = $(PKG_CONFIG_DIR)/tcpshadow.pc

install: $(LIBRARY) $(COMMAND) $(PAGES) ## install below PREFIX (/usr/local), staged in DESTDIR
	$(Q)set -e; for entry in $(INSTALLED); do \
	source=$${entry#*:}; folder=$${source#*:}; source=$${source%%:*}; \
	install -D -m $${entry%%:*} $$source \
	"$(DESTDIR)$(PREFIX)/$$folder/$${source##*/}"; done
	$(Q)sed -i -e 's|](docs)|](.)|g' -e 's|](docs/|](|g' \
	-e 's|](include/|](../../../include/|g' \
	"$(DESTDIR)$(PREFIX)/$(DOC)/README.md" \
	"$(DESTDIR)$(PREFIX)/$(DOC)/HACKING.md"
	$(Q)install -D -m 644 $(BUILD)/docs/completion/tcpshadow.bash \
	"$(DESTDIR)$(PREFIX)/$(BASH_COMPLETION)"
	$(Q)install -D -m 644 docs/tcpshadow.pc.in \
	"$(DESTDIR)$(PREFIX)/$(PKG_CONFIG_FILE)"
	$(Q)sed -i -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	-e "s|@UP@|$$(echo $(PKG_CONFIG_DIR) | sed 's|[^/]*|..|g')|" \
	"$(DESTDIR)$(PREFIX)/$(PKG_CONFIG_FILE)"

uninstall: ## remove what install put there
	$(Q)for entry in $(INSTALLED); do \
	source=$${entry#*:}; folder=$${source#*:}; source=$${source%%:*}; \
	rm -f "$(DESTDIR)$(PREFIX)/$$folder/$${source##*/}"; done
	$(Q)rm -f "$(DESTDIR)$(PREFIX)/$(BASH_COMPLETION)" \
	"$(DESTDIR)$(PREFIX)/$(PKG_CONFIG_FILE)"
	$(Q)for folder in $(DOC)/rules $(DOC)/examples/api \
	$(DOC)/examples $(DOC) $(filter %/tcpshadow,$(LIBDIR)); do \
	rmdir "$(DESTDIR)$(PREFIX)/$$folder" 2>/dev/null || true; done

deb: ## build the Debian package, hold it against lintian, and try it
	$(Q).ci/install build deb
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD=$(BUILD) .ci/deb

clean: ## remove the build folder
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all help bench bench-programs deps demo tests test pictures soak fuzz \
	check-real lint format sanitize stress unit coverage pages install \
	uninstall deb clean
.SECONDARY:
.DELETE_ON_ERROR:
