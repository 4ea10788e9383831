"""Ways to run a program: plain, under the library, under other tools."""

import glob
import os
import shutil
import select
import signal
import subprocess
import tempfile

BUILD = os.environ["TCPSHADOW_BUILD"]
LIBRARY = os.path.join(BUILD, "libtcpshadow.so")
BENCH = os.path.join(BUILD, "tests", "bench")
TRACEPOINT = "sock:inet_sock_set_state"

# What a person would trace of a server's connections by ltrace.
LTRACE_CALLS = "read+write+accept+accept4+close+connect+recv+send+writev"


class Variant:
    """A column of the table. `before` is put before the program's words; a
    tool is the process that they start, whose CPU time is told apart."""

    def __init__(self, name, before=(), environment=None, slow=False,
                 recorder=None, skip=None, only=None):
        self.name = name
        self.before = list(before)
        self.environment = environment or {}
        self.slow = slow
        self.recorder = recorder
        self.skip = skip
        self.only = only  # the one workload that it is for

    def start(self, words, **how):
        environment = dict(os.environ, **self.environment)
        how.setdefault("stdout", subprocess.DEVNULL)
        how.setdefault("stderr", subprocess.DEVNULL)
        return Running(self, subprocess.Popen(self.before + list(words),
                                              env=environment, **how))


class Running:
    """A started program with everything below it."""

    def __init__(self, variant, process):
        self.variant = variant
        self.process = process

    def tree(self):
        children = {}
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as file:
                    text = file.read()
            except OSError:
                continue
            fields = text[text.rindex(")") + 2:].split()
            children.setdefault(int(fields[1]), []).append(
                int(text.split(" ", 1)[0]))
        found, next_ones = [], [self.process.pid]
        while next_ones:
            pid = next_ones.pop()
            found.append(pid)
            next_ones += children.get(pid, [])
        return found

    def cpu(self):
        """CPU time so far in ns: of the program, and of the tool around it."""
        times = {pid: cpu_of(pid) for pid in self.tree()}
        tool = times[self.process.pid] if self.variant.before else 0
        return sum(times.values()) - tool, tool

    def stop(self):
        pids = self.tree()
        # The program first: a tool ends when what it watches has ended.
        for pid in reversed(pids):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()


def cpu_of(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except (OSError, IndexError):
            pass
    return total


class Recorder:
    """A tracer of the whole machine that runs while a burst does."""

    def __init__(self, words):
        self.words = words

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        ends = [os.path.join(self.directory.name, name)
                for name in ("control", "answers")]
        for end in ends:
            os.mkfifo(end)
        # Opened both ways, that nobody waits for the other to open.
        control, answers = (os.open(end, os.O_RDWR) for end in ends)
        self.process = subprocess.Popen(
            self.words + ["--control=fifo:control,answers"],
            cwd=self.directory.name, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        # It answers once it records.
        os.write(control, b"ping\n")
        ready = select.select([answers], [], [], 30)[0]
        os.close(control)
        os.close(answers)
        if not ready:
            self.__exit__()
            raise RuntimeError("no answer from " + self.words[0])
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.directory.cleanup()

    def cpu(self):
        return cpu_of(self.process.pid) if self.process.poll() is None else 0


def missing(program):
    return None if shutil.which(program) else f"no {program} here"


def tracepoint_missing():
    if missing("perf"):
        return missing("perf")
    result = subprocess.run(
        ["perf", "record", "-a", "-e", TRACEPOINT, "-o", "/dev/null", "true"],
        capture_output=True, check=False)
    return None if result.returncode == 0 else \
        "perf may not record the tracepoint (needs root)"


def ptrace_missing():
    result = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"],
                            capture_output=True, check=False)
    return None if result.returncode == 0 else "strace cannot trace here"


def preload(library, **options):
    environment = {f"TCPSHADOW_{name.upper()}": value
                   for name, value in options.items()}
    return dict(environment, LD_PRELOAD=library)


def ours():
    nothing = os.path.join(BENCH, "libnothing.so")
    ringed = [os.path.join(BENCH, "ringed")]
    ring = {"TCPSHADOW_LIBRARY": LIBRARY}
    command = [os.path.join(BUILD, "tcpshadow"), "run", "--log-file=/dev/null",
               "--"]
    return [
        Variant("plain"),
        Variant("plain again"),
        Variant("do-nothing preload", environment=preload(nothing),
                skip=None if os.path.exists(nothing)
                else "written for x86-64"),
        Variant("bare, text to /dev/null", environment=preload(LIBRARY)),
        Variant("ring", before=ringed, environment=ring),
        Variant("ring, stacks=all", before=ringed,
                environment=dict(ring, TCPSHADOW_STACKS="all")),
        Variant("ring, stacks=off", before=ringed,
                environment=dict(ring, TCPSHADOW_STACKS="off"),
                only="start-up of /bin/true"),
        Variant("tcpshadow run", before=command,
                environment={"TCPSHADOW_LIBRARY": LIBRARY},
                skip=command_missing(command)),
    ]


def command_missing(command):
    result = subprocess.run(command + ["true"], capture_output=True,
                            check=False)
    return None if result.returncode == 0 else "tcpshadow run does not work"


def others():
    strace = ["strace", "-f", "-o", "/dev/null"]
    no_strace = missing("strace") or ptrace_missing()
    return [
        Variant("perf record, tracepoint", recorder=[
            "perf", "record", "-a", "-e", TRACEPOINT, "-o", "perf.data"],
            skip=tracepoint_missing()),
        Variant("strace, seccomp, network", slow=True,
                before=strace + ["--seccomp-bpf", "-e", "trace=network"],
                skip=no_strace),
        Variant("strace -f", slow=True, before=strace, skip=no_strace),
        Variant("ltrace", slow=True, skip=missing("ltrace"),
                before=["ltrace", "-f", "-o", "/dev/null", "-e",
                        LTRACE_CALLS]),
    ]
