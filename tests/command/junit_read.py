"""Reads a JUnit report as a consumer does (junitparser), and prints it.

A line a case: outcome, class name, name, message, separated by `|`. Then the
suite's output. The suite's own counts have to be those of its cases.
"""

import sys
from xml.etree import ElementTree

from junitparser import JUnitXml

COUNTS = ("tests", "failures", "errors", "skipped")

for suite in JUnitXml.fromfile(sys.argv[1]):
    told = [getattr(suite, count) for count in COUNTS]
    suite.update_statistics()
    counted = [getattr(suite, count) for count in COUNTS]
    if told != counted:
        sys.exit(f"the suite says {told}, its cases are {counted}")
    print("suite|" + "|".join(str(count) for count in told))
    for case in suite:
        outcomes = case.result or [None]
        for outcome in outcomes:
            kind = type(outcome).__name__.lower() if outcome else "passed"
            message = outcome.message if outcome else ""
            rule = outcome.type if outcome else ""
            print("|".join((kind, case.classname, case.name, str(rule), message)))
            if outcome and outcome.text:
                print(outcome.text)

# junitparser knows no output of a suite.
print(ElementTree.parse(sys.argv[1]).find("testsuite/system-out").text)
