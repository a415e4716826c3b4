# SPDX-License-Identifier: BSD-2-Clause
"""The results of Rust's own suites as JSON, and the table for people that is written from them."""

from results import TOTALS, Kept, cells, counts, failures, not_run
from suites import SUITES, WITHOUT_LIBTEST


class Report:
    """Results by suite, kept from run to run: a run of some suites replaces theirs."""

    def __init__(self, path):
        self.kept = Kept(path)
        known = {suite.name for suite in SUITES}
        self.suites = self.kept.entries = {name: value for name, value in self.kept.entries.items() if name in known}

    def put(self, suite, results, missing, seconds, when):
        """`results`: test -> (result, what to say about it), result being passed, failed or ignored. `missing`: test ->
        reason, for those that are not run."""
        self.suites[suite.name] = counts(results, missing) | {"seconds": round(seconds, 1), "when": round(when)}
        self.kept.save([suite.name for suite in SUITES])

    def complete(self):
        return all(suite.name in self.suites for suite in SUITES)

    def totals(self):
        return {kind: sum(entry[kind] for entry in self.suites.values()) for kind in TOTALS}

    def markdown(self, version):
        """docs/std-support.md. No times and no dates: it changes only when what is supported changes."""
        lines = ["# What of Rust's standard library works on seL4", "",
                 "Written by `tests/rust-suites/run`, not by hand: Rust's own tests of core, alloc and std, unmodified from the",
                 f"rust-src of {version}, each booted on seL4 under QEMU.", "",
                 "| Suite | Subject | Passed | Failed | Ignored | Not run |", "|---|---|--:|--:|--:|--:|"]
        for suite in SUITES:
            if entry := self.suites.get(suite.name):
                lines.append(f"| {suite.name} | {suite.subject} | {cells(entry)} |")
        lines.append(f"| **all** | | {cells(self.totals(), '**')} |")
        lines += ["", "*Ignored*: by Rust's own mark in the test, on Linux too.", ""]
        entries = [(suite.name, self.suites[suite.name]) for suite in SUITES if suite.name in self.suites]
        lines += ["## Failed", "", *(failures(entries) or ["None."]), "", "## Not run", "", *not_run(entries)]
        lines += [f"- `{name}`, a program without libtest: {reason}." for name, reason in WITHOUT_LIBTEST.items()]
        return "\n".join(lines) + "\n"


class Covered:
    """When each suite was last run and how long it took, to choose what has waited longest."""

    def __init__(self, path):
        self.kept = Kept(path)
        self.suites = self.kept.entries

    def put(self, name, when, seconds):
        self.suites[name] = {"when": when, "seconds": seconds}
        self.kept.save(self.suites)

    def oldest_first(self, suites):
        return sorted(suites, key=lambda suite: self.suites.get(suite.name, {}).get("when", 0))

    def seconds(self, suite, unknown=60):
        return self.suites.get(suite.name, {}).get("seconds", unknown)
