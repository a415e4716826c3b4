# SPDX-License-Identifier: BSD-2-Clause
"""What the tables of Rust's own suites and of crates have in common: the list of tests that are not run, results kept as JSON from run to
run, and the lines of a table."""

import json
import os
from fnmatch import fnmatchcase
from pathlib import Path

# What can come of a test that is run, and with it what is counted.
RESULTS = ("passed", "failed", "ignored")
TOTALS = (*RESULTS, "not_run")


class BadList(Exception):
    """not-run.txt has a line that cannot be read."""


def read_not_run(path):
    """The entries of not-run.txt as a list of (pattern, reason). A pattern is `suite::test`, with * for any text."""
    entries = []
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        pattern, tab, reason = line.partition("\t")
        if not (tab and "::" in pattern and reason.strip()):
            raise BadList(f"{path}:{number}: not 'suite::test<TAB>reason'")
        entries.append((pattern, reason.strip()))
    return entries


def matching(entries, suite, names):
    """The tests of `suite` that an entry names: test -> (pattern, reason)."""
    return {name: entry for entry in entries for name in names if fnmatchcase(f"{suite}::{name}", entry[0])}


class Kept:
    """Entries by name in a file of JSON."""

    def __init__(self, path):
        self.path = Path(path)
        try:
            self.entries = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.entries = {}

    def save(self, order):
        """Writes the entries in this order of names; whoever reads meanwhile reads the old ones."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({name: self.entries[name] for name in order if name in self.entries}, indent=1) + "\n")
        os.replace(new, self.path)


def counts(results, missing):
    """An entry of one program. `results`: test -> (result, what to say about it). `missing`: test -> why it is not run."""
    return {
        **{kind: sum(1 for result, _ in results.values() if result == kind) for kind in RESULTS}, "not_run": len(missing),
        "failures": {test: text for test, (result, text) in results.items() if result == "failed"}, "reasons": missing,
    }


def cells(entry, mark=""):
    """The numbers of a line of the table."""
    return " | ".join(f"{mark}{entry[kind]}{mark}" for kind in TOTALS)


def first_line(text):
    """What of an output fits into a list."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no output")


def failures(entries):
    """A line for each test that failed, of pairs of a program's name and its entry."""
    return [f"- `{name}`: `{test}`: {first_line(text)}" for name, entry in entries for test, text in entry["failures"].items()]


def not_run(entries):
    """Lines for the tests that are not run: those of one program with one reason together."""
    lines = []
    for name, entry in entries:
        by_reason = {}
        for test, reason in entry["reasons"].items():
            by_reason.setdefault(reason, []).append(test)
        for reason, tests in by_reason.items():
            lines += [f"- `{name}`, {len(tests)}: {reason}.", *(f"  - `{test}`" for test in tests)]
    return lines
