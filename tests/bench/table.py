"""Collects the figures, holds them against the budgets, and prints them."""

import statistics


def spread(values, form):
    if not values:
        return "-"
    middle = form.format(statistics.median(values))
    if len(values) == 1:
        return middle
    return (f"{middle} ({form.format(min(values))}"
            f"..{form.format(max(values))})")


def grid(rows):
    """Rows of cells as a Markdown table, in columns that line up."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in
                  zip(row[1:], widths[1:])]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (widths[i] + 1) + ("-" if i == 0 else ":")
                          for i in range(len(widths))) + "|"
    return "\n".join([line(rows[0]), rule] + [line(row) for row in rows[1:]])


class Table:
    def __init__(self):
        self.sections = []
        self.notes = []
        self.budgets = []

    def note(self, text):
        self.notes.append(text)

    def add(self, title, rows):
        self.sections.append(f"### {title}\n\n{grid(rows)}\n")

    def budget(self, what, limit, measured, floor=0.0, form="{:.2f}"):
        """A budget holds up to the noise floor."""
        if measured <= limit:
            verdict = "held"
        elif measured <= limit + floor:
            verdict = "held within the noise"
        else:
            verdict = "MISSED"
        self.budgets.append((what, form.format(limit), form.format(measured),
                             form.format(floor), verdict))

    def add_workload(self, kind, samples):
        plain = next((list_ for variant, list_ in samples.items()
                      if variant.name == "plain"), [])
        base = dict(plain)
        rows = [["", f"CPU a {kind.unit}", "with the tool's own",
                 "throughput", "p99"]]
        ratios = {}
        for variant, list_ in samples.items():
            if variant.name == "plain":
                rows.append(["plain"] + absolute(kind, list_))
                continue
            pairs = [(sample, base[number]) for number, sample in list_
                     if number in base]
            if not pairs:
                continue
            columns = [
                [one.server / two.server for one, two in pairs],
                [(one.server + one.tool) / two.server for one, two in pairs],
                [one.rate / two.rate for one, two in pairs],
                [one.p99 / two.p99 for one, two in pairs if two.p99],
            ]
            ratios[variant.name] = columns
            rows.append([variant.name] + [spread(column, "{:.2f}")
                                          for column in columns])
        self.add(kind.name, rows)
        self.hold(kind, ratios, base)

    def hold(self, kind, ratios, base):
        """The budgets of the whole programs."""
        def cpu(name):
            return statistics.median(ratios[name][0])

        floor = 0.0
        if "plain again" in ratios:
            floor = abs(cpu("plain again") - 1)
        limits = {"request": {"ring": 1.02},
                  "connection": {"ring": 1.05, "ring, stacks=all": 1.10,
                                 "bare, text to /dev/null": 1.25}}
        for name, limit in limits.get(kind.unit, {}).items():
            if name in ratios:
                self.budget(f"{kind.name}: server CPU, {name}", limit,
                            cpu(name), floor)
        if kind.unit != "start" or kind.how != "start":
            return
        nothing = "do-nothing preload"
        median = {name: statistics.median(columns[0]) for name, columns in
                  ratios.items()}
        plain = statistics.median(s.p99 for s in base.values())
        for name, limit in (("ring, stacks=off", 0.1), ("ring", 1.0)):
            if name in median and nothing in median:
                self.budget(f"start-up above a do-nothing preload, {name}, ms",
                            limit, (median[name] - median[nothing]) *
                            plain / 1000, floor * plain / 1000)

    def text(self):
        parts = list(self.sections)
        if self.budgets:
            rows = [["budget", "limit", "measured", "noise floor", ""]]
            rows += [list(row) for row in self.budgets]
            parts.append("### Budgets\n\n" + grid(rows) + "\n")
        parts += [f"- {note}" for note in self.notes]
        return "\n".join(parts)


def absolute(kind, list_):
    samples = [sample for _, sample in list_]
    return [spread([s.server / 1000 for s in samples], "{:.1f}") + " us", "",
            spread([s.rate for s in samples], "{:.0f}") + "/s",
            spread([s.p99 for s in samples], "{:.0f}") + " us"]
