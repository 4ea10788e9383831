"""Costs inside one process: calls, instructions, events, memory, growth."""

import glob
import os
import re
import resource
import shutil
import subprocess
import tempfile

from variants import BENCH

CALLS = os.path.join(BENCH, "calls")
GROWTH = os.path.join(BENCH, "growth")
MANY = 100000


def output_of(variant, words, **how):
    running = variant.start(words, stdout=subprocess.PIPE, text=True, **how)
    text = running.process.stdout.read()
    if running.process.wait() != 0:
        raise RuntimeError(f"{words[0]} failed under {variant.name}")
    return text


def by_name(chosen, *names):
    found = {variant.name: variant for variant in chosen}
    return [found[name] for name in names if name in found]


def calls(chosen, table):
    kinds = by_name(chosen, "plain", "do-nothing preload",
                    "bare, text to /dev/null", "ring")
    results = {}
    for variant in kinds:
        for line in output_of(variant, [CALLS, "time"]).splitlines():
            name, base, added, least, most, count = line.split("\t")
            results.setdefault(name, {})[variant.name] = (
                float(base), float(added), float(least), float(most),
                int(count))
    rows = [["ns added an operation", "calls", "libc"] +
            ["noise" if v.name == "plain" else v.name for v in kinds]]
    for name, row in results.items():
        first = next(iter(row.values()))
        rows.append([name, str(first[4]), f"{first[0]:.0f}"] + [
            "{1:+.1f} ({2:.1f}..{3:.1f})".format(*row[v.name])
            for v in kinds])
        if "connect+" in name or "ring" not in row:
            continue
        tracked = "connection" in name
        limit = 20 if tracked else 4
        floor = abs(row["plain"][1]) / first[4] if "plain" in row else 0
        table.budget(f"{name}: ns a call", limit,
                     row["ring"][1] / first[4], floor, "{:.1f}")
    table.add("Calls, pairwise inside one process", rows)


def instructions(chosen, table):
    if not shutil.which("valgrind"):
        table.note("instructions: left out: no valgrind here")
        return
    kinds = by_name(chosen, "do-nothing preload", "bare, text to /dev/null")
    results, order = {}, []
    for variant in kinds:
        with tempfile.TemporaryDirectory() as directory:
            output_of(variant, [
                "env", "TCPSHADOW_SILENCE=60000", "valgrind", "-q", "--tool=callgrind",
                f"--callgrind-out-file={directory}/out", CALLS, "count"])
            paths = glob.glob(directory + "/out.*")
            for path in sorted(paths, key=lambda p: int(p.split(".")[-1])):
                with open(path) as file:
                    text = file.read()
                label = re.search(r"desc: Trigger: Client Request: (.*)", text)
                total = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
                if not label:
                    continue
                who, name, times = label.group(1).split("|")
                if name not in order:
                    order.append(name)
                results.setdefault(name, {})[variant.name, who] = \
                    int(total.group(1)) / int(times)
    rows = [["instructions added an operation", "libc"] +
            [v.name for v in kinds]]
    for name in order:
        row = results[name]
        base = {v.name: row[v.name, "libc"] for v in kinds}
        added = {v.name: row[v.name, "made"] - base[v.name] for v in kinds}
        rows.append([name, f"{base[kinds[0].name]:.0f}"] +
                    [f"{added[v.name]:+.1f}" for v in kinds])
        if "connect+" in name or "EAGAIN" in name:
            continue
        count = 2 if "+" in name else 1
        limit = 25 if "connection" in name else 12
        table.budget(f"{name}: instructions a call", limit,
                     added[kinds[-1].name] / count, 0, "{:.1f}")
    table.add("Instructions, by callgrind", rows)


def events(chosen, table):
    limits = {"transition": 250, "transition, known stack": 600,
              "transition, new stack": 1000, "finding, new place": 20000}
    rows = [["ns", "median", "least", "most"]]
    for variant in by_name(chosen, "ring"):
        for line in output_of(variant, [os.path.join(BENCH, "events")],
                              ).splitlines():
            name, median, least, most = line.split("\t")
            rows.append([name, median, least, most])
            if name in limits:
                table.budget(f"to the ring: {name}, ns", limits[name],
                             float(median), 0, "{:.0f}")
    if len(rows) > 1:
        table.add("Events to the ring", rows)


def memory(chosen, table):
    many = most_sockets(table)
    resident = {}
    for variant in by_name(chosen, "plain", "bare, text to /dev/null"):
        for count in (0, 1000, many):
            before, after = output_of(
                variant, [GROWTH, "memory", str(count)]).split()
            resident[variant.name, count] = int(before), int(after)
    if len(resident) < 6:
        return
    bare = "bare, text to /dev/null"
    fixed = resident[bare, 0][0] - resident["plain", 0][0]
    # Between two counts, so that what is touched once does not matter.
    each = (resident[bare, many][1] - resident[bare, 1000][1] -
            resident["plain", many][1] + resident["plain", 1000][1]) / (
                many - 1000)
    copies = 1000000 if many == MANY else many
    few = output_of(by_name(chosen, bare)[0],
                    [GROWTH, "numbers", "1000"]).split()
    _, after, last = output_of(
        by_name(chosen, bare)[0], [GROWTH, "numbers", str(copies)]).split()
    table.add("Memory", [
        ["", "bytes"],
        ["resident with no socket, above plain", f"{fixed}"],
        [f"a tracked socket and its number, of {many}", f"{each:.1f}"],
        [f"a number, of {copies:,} copies of one socket (the last is {last})",
         f"{(int(after) - int(few[1])) / (copies - 1000):.1f}"]])
    table.budget("memory: fixed, KiB", 1024, fixed / 1024, 0, "{:.0f}")
    table.budget("memory: a socket and its number, bytes", 136, each, 4,
                 "{:.0f}")
    table.budget("memory: a number, bytes", 8,
                 (int(after) - int(few[1])) / (copies - 1000), 0.5,
                 "{:.1f}")


def growth(chosen, table):
    counts = (10, 1000, most_sockets(table))
    results = {}
    for variant in by_name(chosen, "ring"):
        for own in counts:
            read_growth(results, f"{own:,} in the process", output_of(
                variant, [GROWTH, "measure", str(own)]))
        for others in (1000, MANY):
            holders = hold(others, counts[-1])
            read_growth(results, f"{others:,} elsewhere", output_of(
                variant, [GROWTH, "measure", "10"]))
            for holder in holders:
                holder.kill()
                holder.wait()
    if not results:
        return
    columns = list(next(iter(results.values())))
    rows = [["ns added, with so many sockets"] + columns]
    for name, row in results.items():
        rows.append([name] + [f"{row[column]:,.0f}" for column in columns])
    table.add("Growth", rows)


def most_sockets(table):
    """As many as a process may have, up to MANY."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard >= MANY + 100 or may_raise_limit():
        return MANY
    note = f"a process may have no more than {hard} descriptors here"
    if note not in table.notes:
        table.note(note)
    return hard // 1000 * 1000 - 1000


def may_raise_limit():
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    except (ValueError, PermissionError):
        return False
    return True


def hold(count, most):
    """Processes that hold that many sockets together."""
    holders = []
    while count > 0:
        holder = subprocess.Popen(
            [GROWTH, "hold", str(min(count, most))], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        holder.stdout.readline()
        holders.append(holder)
        count -= most
    return holders


def read_growth(results, column, text):
    for line in text.splitlines():
        name, value = line.split("\t")
        results.setdefault(name, {})[column] = float(value)


def run_all(chosen, table):
    for step in (calls, instructions, events, memory, growth):
        try:
            step(chosen, table)
        except (RuntimeError, OSError, ValueError, IndexError) as problem:
            table.note(f"{step.__name__}: failed: {problem!r}")
