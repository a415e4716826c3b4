# SPDX-License-Identifier: BSD-2-Clause
"""The list of tests that are not run, the results as JSON, and the table for people that is written from them."""

import json
import os
from fnmatch import fnmatchcase
from pathlib import Path

from suites import SUITES, WITHOUT_LIBTEST


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


class Report:
    """Results by suite, kept from run to run: a run of some suites replaces theirs."""

    def __init__(self, path):
        self.path = Path(path)
        try:
            self.suites = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.suites = {}
        known = {suite.name for suite in SUITES}
        self.suites = {name: value for name, value in self.suites.items() if name in known}

    def put(self, suite, results, missing, seconds, when):
        """`results`: test -> (result, what to say about it), result being passed, failed or ignored. `missing`: test ->
        reason, for those that are not run."""
        counts = {kind: sum(1 for result, _ in results.values() if result == kind) for kind in ("passed", "failed", "ignored")}
        self.suites[suite.name] = {
            **counts, "not_run": len(missing), "seconds": round(seconds, 1), "when": round(when),
            "failures": {name: text for name, (result, text) in results.items() if result == "failed"},
            "reasons": missing,
        }
        self.save()

    def save(self):
        ordered = {suite.name: self.suites[suite.name] for suite in SUITES if suite.name in self.suites}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(ordered, indent=1) + "\n")
        os.replace(new, self.path)

    def complete(self):
        return all(suite.name in self.suites for suite in SUITES)

    def totals(self):
        return {kind: sum(entry[kind] for entry in self.suites.values()) for kind in ("passed", "failed", "ignored", "not_run")}

    def markdown(self, version):
        """docs/std-support.md. No times and no dates: it changes only when what is supported changes."""
        lines = ["# What of Rust's standard library works on seL4", "",
                 "Written by `tests/rust-suites/run`, not by hand: Rust's own tests of core, alloc and std, unmodified from the",
                 f"rust-src of {version}, each booted on seL4 under QEMU.", "",
                 "| Suite | Subject | Passed | Failed | Ignored | Not run |", "|---|---|--:|--:|--:|--:|"]
        for suite in SUITES:
            if entry := self.suites.get(suite.name):
                numbers = " | ".join(str(entry[kind]) for kind in ("passed", "failed", "ignored", "not_run"))
                lines.append(f"| {suite.name} | {suite.subject} | {numbers} |")
        total = self.totals()
        lines.append("| **all** | | " + " | ".join(f"**{total[kind]}**" for kind in ("passed", "failed", "ignored", "not_run")) + " |")
        lines += ["", "*Ignored*: by Rust's own mark in the test, on Linux too.", ""]
        lines += ["## Failed", ""]
        failed = [f"- `{suite.name}`: `{name}`: {text.strip().splitlines()[0] if text.strip() else 'no output'}" for suite in SUITES
                  for name, text in self.suites.get(suite.name, {}).get("failures", {}).items()]
        lines += failed or ["None."]
        lines += ["", "## Not run", ""]
        for suite in SUITES:
            by_reason = {}
            for name, reason in self.suites.get(suite.name, {}).get("reasons", {}).items():
                by_reason.setdefault(reason, []).append(name)
            for reason, names in by_reason.items():
                lines.append(f"- `{suite.name}`, {len(names)}: {reason}.")
                lines += [f"  - `{name}`" for name in names]
        lines += [f"- `{name}`, a program without libtest: {reason}." for name, reason in WITHOUT_LIBTEST.items()]
        return "\n".join(lines) + "\n"


class Covered:
    """When each suite was last run and how long it took, to choose what has waited longest."""

    def __init__(self, path):
        self.path = Path(path)
        try:
            self.suites = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.suites = {}

    def put(self, name, when, seconds):
        self.suites[name] = {"when": when, "seconds": seconds}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.suites, indent=1))
        os.replace(new, self.path)

    def oldest_first(self, suites):
        return sorted(suites, key=lambda suite: self.suites.get(suite.name, {}).get("when", 0))

    def seconds(self, suite, unknown=60):
        return self.suites.get(suite.name, {}).get("seconds", unknown)
