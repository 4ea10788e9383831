"""make bench: what tcpshadow costs, in one interleaved run and one table.

Servers of all variants are up at the same time, and idle but for the one that
is given a burst of load; the bursts go round all variants, so that what the
machine does otherwise meets all alike. Each burst is compared with the plain
one of the same round. Everything happens in a network and pid namespace of its
own, which ends, with whatever is in it, when this program does.
"""

import argparse
import os
import subprocess
import sys
import time

import micro
import variants
import workloads
from table import Table

LIMIT = 265  # seconds, of the five minutes


def enter_namespaces():
    """Once more, with the namespaces around."""
    if os.environ.get("TCPSHADOW_BENCH_INSIDE"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for name, value in (("net/ipv4/ip_local_port_range", "1024 65000"),
                            ("net/core/somaxconn", "8192")):
            with open("/proc/sys/" + name, "w") as file:
                file.write(value)
        return
    words = ["unshare", "--net", "--pid", "--fork", "--mount-proc",
             "--kill-child"]
    if os.getuid() != 0:
        words.append("--map-root-user")
    os.execvpe(words[0], words + [sys.executable] + sys.argv,
               dict(os.environ, TCPSHADOW_BENCH_INSIDE="1"))


def burst(variant, workload):
    if not variant.recorder:
        return workload.burst(variant.slow)
    with variants.Recorder(variant.recorder) as recorder:
        before = recorder.cpu()
        sample = workload.burst(False)
        sample.tool = (recorder.cpu() - before) / max(
            1, 1e9 / sample.server) if sample.server else 0
        return sample


def run_workload(kind, chosen, rounds, deadline, table):
    up = {}
    for variant in chosen:
        if variant.only not in (None, kind.name):
            continue
        try:
            up[variant] = kind(variant)
        except (RuntimeError, OSError) as problem:
            table.note(f"{variant.name}, {kind.name}: {problem}")
    samples = {variant: [] for variant in up}
    try:
        for number in range(rounds):
            order = list(up)
            order = order[number % len(order):] + order[:number % len(order)]
            for variant in order:
                if (variant.slow or variant.recorder) and number > 1:
                    continue
                if time.monotonic() < deadline or number < 2:
                    samples[variant].append((number,
                                             burst(variant, up[variant])))
    finally:
        for workload in up.values():
            workload.stop()
    table.add_workload(kind, samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--only", default="", help="workloads whose name "
                        "holds this text; `micro` for the rest")
    parser.add_argument("--variants", default="", help="names, with semicolons "
                        "between")
    parser.add_argument("--markdown", help="write the tables to this file")
    options = parser.parse_args()
    enter_namespaces()

    start = time.monotonic()
    table = Table()
    everything = variants.ours() + variants.others()
    chosen = []
    for variant in everything:
        if options.variants and variant.name != "plain" and \
                variant.name not in options.variants.split(";"):
            continue
        if variant.skip:
            table.note(f"{variant.name}: left out: {variant.skip}")
        else:
            chosen.append(variant)
    if not options.only or options.only == "micro":
        micro.run_all(chosen, table)
    kinds = [kind for kind in workloads.ALL
             if options.only in kind.name]
    for index, kind in enumerate(kinds):
        if kind.missing():
            table.note(f"{kind.name}: left out: {kind.missing()}")
            continue
        left = LIMIT - (time.monotonic() - start)
        deadline = time.monotonic() + left / (len(kinds) - index)
        run_workload(kind, chosen, options.rounds, deadline, table)
    table.note(f"took {time.monotonic() - start:.0f} s; load average "
               f"{os.getloadavg()[0]:.2f}; {os.cpu_count()} CPUs; "
               f"Linux {os.uname().release}")
    text = table.text()
    print(text)
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
