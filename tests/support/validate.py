#!/usr/bin/env python3
"""validate.py SCHEMA FILE...: is each line of the files (NDJSON) as the schema
says? An independent word on what tcpshadow writes."""
import json
import sys

import jsonschema


def main():
    with open(sys.argv[1]) as stream:
        schema = json.load(stream)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    bad = 0
    lines = 0
    for name in sys.argv[2:]:
        with open(name) as stream:
            for number, line in enumerate(stream, 1):
                lines += 1
                event = json.loads(line)
                for error in validator.iter_errors(event):
                    bad += 1
                    print(f"{name}:{number}: {line.strip()}")
                    best = jsonschema.exceptions.best_match([error])
                    print(f"    {best.message[:200]}")
    print(f"{lines} lines, {bad} not as the schema says")
    return 1 if bad or not lines else 0


sys.exit(main())
