"""Runs what README.md tells its readers to run.

readme.py SOURCE BUILD, as root in a network namespace of its own, where port
5188 is free. Fenced blocks say what they are:

  console     commands (`$ ...`) with what they print: held against what they
              print now, numbers apart; `...` stands for any lines
  sh          commands, run in a folder with what they speak of
  sh runner   commands of test runners: the options they give to `run` are
              (tests/real/runners_test.c runs the runners)
  yaml        jobs: their commands of tcpshadow are run, the others are known
  dockerfile  its command is run as the first process of a namespace
  c           a test's statements about a connection: compiled, run with the
              library and without
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import yaml

SOURCE, BUILD = (os.path.abspath(path) for path in sys.argv[1:3])
failures = []


def fail(text):
    failures.append(text)


def blocks(text):
    """(kind, lines) of each fenced block; commands stand nowhere else."""
    kind = None
    lines = []
    for line in text.split("\n"):
        if line.startswith("```"):
            if kind is None:
                kind, lines = line[3:], []
            else:
                yield kind, lines
                kind = None
        elif kind is not None:
            lines.append(line)
        elif re.match(r"(    |\t)(\$ |make |tcpshadow [a-z]|LD_PRELOAD=|sudo )", line):
            fail("a command outside of a block: " + line)


def shape(line):
    """A line without what differs from run to run."""
    line = re.sub(r"\d\d:\d\d:\d\d", "#", line)
    return re.sub(r"\d+", "#", line).rstrip()


def compare(command, expected, printed):
    """The expected lines in order; `...` for any number of others."""
    # A reader runs it in the tree: files are shown from there.
    have = [shape(line) for line in printed.replace(SOURCE + "/", "").split("\n")]
    at, free = 0, False
    for line in expected:
        if line == "...":
            free = True
            continue
        want = shape(line)
        if free and want in have[at:]:
            at = have.index(want, at)
        if at >= len(have) or have[at] != want:
            fail(f"{command}: README says\n  {line}\nit prints\n{printed}")
            return
        at, free = at + 1, False
    if not free and any(have[at:]):
        fail(f"{command}: README lacks the end of\n{printed}")


class Sandbox:
    """A folder where the reader's server is, and tcpshadow in the PATH."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tcpshadow-readme-")
        self.file("server", "#!/bin/sh\nexec " + BUILD + "/examples/close-wait-leak/bad\n")
        os.chmod(self.path("server"), 0o755)
        self.file("Makefile", "check:\n\t@./server\n")
        os.symlink(BUILD, self.path("build"))
        os.mkdir(self.path("bin"))
        os.symlink(BUILD + "/tcpshadow", self.path("bin/tcpshadow"))
        os.symlink(self.path("server"), self.path("bin/server"))
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TCPSHADOW", "LD_PRELOAD", "MAKE", "MFLAGS"))
        }
        self.environment["PATH"] = self.path("bin") + ":" + os.environ["PATH"]
        # A run to report on, for the commands that come before it is made.
        self.run("tcpshadow run --trace=run.ndjson ./server")

    def path(self, name):
        return os.path.join(self.folder, name)

    def forget(self, name):
        if os.path.exists(self.path(name)):
            os.unlink(self.path(name))

    def has(self, name):
        return os.path.exists(self.path(name)) and os.path.getsize(self.path(name)) > 0

    def file(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, command, **options):
        # Python itself ignores SIGPIPE, which is inherited.
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            restore_signals=True,
            **options,
        )

    def run(self, command):
        process = self.start(command, stdin=subprocess.DEVNULL)
        printed, _ = process.communicate(timeout=60)
        return process.returncode, printed

    def remove(self):
        shutil.rmtree(self.folder)


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def read_line(stream, wanted):
    for line in stream:
        if wanted in line:
            return line
    raise EOFError(wanted)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


def tell_of_echocli(sandbox, command):
    """The story of the first block: a server's child is killed."""
    server = subprocess.Popen([BUILD + "/examples/echoserv", "-p", "5188"],
                              stdout=subprocess.PIPE, text=True)
    read_line(server.stdout, "listening")
    # A user is silent for longer than 100 ms; here nobody has to wait.
    client = sandbox.start("TCPSHADOW_SILENCE=0 " + command + " -p 5188",
                           stdin=subprocess.PIPE)
    client.stdin.write("hello\n")
    client.stdin.flush()
    printed = read_line(client.stdout, "hello")
    (child,) = children(server.pid)
    os.kill(int(child), 9)
    until(lambda: "FIN-WAIT-2" in sandbox.run("ss -Htan sport = :5188")[1])
    client.stdin.write("are you there?\n")
    client.stdin.flush()
    printed += client.communicate(timeout=60)[0]
    server.kill()
    server.wait()
    return printed


def tell_of_port(sandbox, command):
    """Somebody has closed first on the port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 5188))
    listener.listen()
    client = socket.create_connection(("127.0.0.1", 5188))
    server, _ = listener.accept()
    server.close()
    client.recv(1)
    client.close()
    listener.close()
    return sandbox.run(command)[1]


def try_console(sandbox, lines):
    at = 0
    while at < len(lines):
        command = lines[at]
        if not command.startswith("$ "):
            fail("no command: " + command)
            return
        command = command[2:]
        end = at + 1
        while end < len(lines) and not lines[end].startswith("$ "):
            end += 1
        if "echocli" in command:
            printed = tell_of_echocli(sandbox, command)
        elif command.startswith("tcpshadow port"):
            printed = tell_of_port(sandbox, command)
        else:
            printed = sandbox.run(command)[1]
        compare(command, lines[at + 1:end], printed)
        at = end


def target_exists(name):
    with open(SOURCE + "/Makefile", encoding="utf-8") as file:
        return re.search(rf"^{re.escape(name)}:.*## ", file.read(), re.M)


def try_preparation(command):
    """What would install things, or build for minutes: is there such a thing?"""
    words = shlex.split(command, comments=True)
    if words[:1] == ["sudo"]:
        words = words[1:]
    if words[:1] == ["make"]:
        return all(target_exists(word) for word in words[1:])
    if words[:1] == [".ci/install"]:
        with open(SOURCE + "/.ci/packages", encoding="utf-8") as file:
            groups = {line.split()[0] for line in file}
        return os.access(SOURCE + "/.ci/install", os.X_OK) and set(words[1:]) <= groups
    return command in (
        "apt-get update",
        "apt-get install -y git make",
        'git clone --depth 1 "$TCPSHADOW_URL" tcpshadow',
        "cd tcpshadow",
    )


# Options that name a file, and the shell's way.
WRITTEN = re.compile(r"(?:--(?:trace|html|junit|sarif|log-file)=|>)([\w.]+)")


def try_command(sandbox, command):
    if not command.startswith(("tcpshadow ", "jq ", "sed ", "LD_PRELOAD=")):
        for part in command.strip("()").split(" && "):
            if not try_preparation(part.strip("()")):
                fail("no such thing: " + command)
        return
    # Not those that an earlier command has left.
    files = WRITTEN.findall(command)
    for name in files:
        sandbox.forget(name)
    expected = int((re.findall(r"--error-exitcode=(\d+)", command) or [0])[0])
    status, printed = sandbox.run(command)
    if status != expected:
        fail(f"{command}: status {status}, not {expected}\n{printed}")
    for name in files:
        if not sandbox.has(name):
            fail(f"{command}: {name} is not written\n{printed}")
    if command.startswith("jq ") and not printed.strip():
        fail(f"{command}: prints nothing")
    if "--suppressions=" in command and "[close-wait-leak]" in printed:
        fail(f"{command}: nothing is suppressed\n{printed}")


def try_runner(sandbox, command):
    words = re.split(r"[ ;]+", command[command.index("run") + 3:].strip("'\" "))
    options = [word for word in (re.sub(r"['\"].*", "", word) for word in words)
               if word.startswith("--") and len(word) > 2]
    status, printed = sandbox.run(shlex.join(["tcpshadow", "run", *options, "true"]))
    if status != 0 or not options:
        fail(f"{command}: {printed}")


def commands_of(job):
    if isinstance(job, dict):
        for key, value in job.items():
            if key in ("run", "script", "before_script"):
                for text in value if isinstance(value, list) else [value]:
                    yield from text.strip().split("\n")
            else:
                yield from commands_of(value)
    elif isinstance(job, list):
        for part in job:
            yield from commands_of(part)


def try_yaml(sandbox, lines):
    job = yaml.safe_load("\n".join(lines))
    commands = list(commands_of(job))
    kept = re.findall(r"(?:sarif_file: |junit: |paths: \[)([\w.]+)", "\n".join(lines))
    for name in kept:
        sandbox.forget(name)
    if not any(command.startswith("tcpshadow run") for command in commands):
        fail("a job without tcpshadow")
    for command in commands:
        try_command(sandbox, command)
    # What a job keeps is there.
    for name in kept:
        if not sandbox.has(name):
            fail("the job writes no " + name)
        elif name.endswith(".sarif"):
            with open(sandbox.path(name), encoding="utf-8") as file:
                json.load(file)


def try_dockerfile(sandbox, lines):
    words = []
    version = sandbox.run("tcpshadow --version")[1].split()[1]
    for line in lines:
        kind, rest = line.split(None, 1)
        if kind in ("ENTRYPOINT", "CMD"):
            words += json.loads(rest)
        elif "tcpshadow_" in rest and f"tcpshadow_{version}_amd64.deb" not in rest:
            fail("another version: " + line)
    first = "unshare --fork --pid --mount-proc "
    status, printed = sandbox.run(first + shlex.join(words))
    if status != 0 or "[close-wait-leak]" not in printed:
        fail(f"as the first process: {status}\n{printed}")
    # A first process cannot be killed by SIGPIPE; its status says it.
    words[-1] = BUILD + "/examples/sigpipe-death/bad"
    status, printed = sandbox.run(first + shlex.join(words))
    if status != 141 or "[sigpipe-death]" not in printed:
        fail(f"as the first process: {status}\n{printed}")


# A client hangs up, and serve() reads to the end.
PROGRAM = """
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
%s
static void serve(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0)
		;
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int fd;

	assert(listen(listener, 1) == 0);
	assert(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	assert(connect(client, (struct sockaddr *)&address, length) == 0);
	fd = accept(listener, 0, 0);
	close(client);
%s
	return tcpshadow_active();
}
"""


def try_c(sandbox, lines):
    includes = [line for line in lines if line.startswith("#include")]
    others = [line for line in lines if line not in includes]
    sandbox.file("test.c", PROGRAM % ("\n".join(includes), "\n".join(others)))
    status, printed = sandbox.run(
        f"${{CC:-cc}} -Wall -Werror -I{SOURCE}/include -o test test.c")
    if status != 0:
        fail("does not compile: " + printed)
        return
    for active, command in ((0, "./test"), (1, f"LD_PRELOAD={BUILD}/libtcpshadow.so ./test"),
                            (1, "tcpshadow run ./test")):
        status, printed = sandbox.run(command)
        if status != active:
            fail(f"{command}: {status}\n{printed}")


def main():
    with open(SOURCE + "/README.md", encoding="utf-8") as file:
        found = list(blocks(file.read()))
    sandbox = Sandbox()
    for kind, lines in found:
        lines = [line for line in lines if line]
        if kind == "console":
            try_console(sandbox, lines)
        elif kind == "sh":
            for line in lines:
                try_command(sandbox, line.split("  #")[0].strip())
        elif kind == "sh runner":
            for line in lines:
                try_runner(sandbox, line)
        elif kind == "yaml":
            try_yaml(sandbox, lines)
        elif kind == "dockerfile":
            try_dockerfile(sandbox, lines)
        elif kind == "c":
            try_c(sandbox, lines)
        else:
            fail("what is a block of `" + kind + "`?")
    sandbox.remove()
    kinds = [kind for kind, _ in found]
    for kind in ("console", "sh", "sh runner", "yaml", "dockerfile", "c"):
        if kind not in kinds:
            fail("no block of " + kind)
    print("\n".join(failures))
    return 1 if failures else 0


sys.exit(main())
