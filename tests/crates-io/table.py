# SPDX-License-Identifier: BSD-2-Clause
"""The results by crate as JSON, and the table for people that is written from them."""

import json
import os
from pathlib import Path

from report import matching

KINDS = ("passed", "failed", "ignored", "not_run")


class Results:
    """crates-io.json: crate -> version, passed, failed, ignored, not_run, seconds, when, and by program the same counts,
    failures (test -> text) and reasons (test -> why it is not run). Kept from run to run: a run of some crates replaces theirs."""

    def __init__(self, path):
        self.path = Path(path)
        try:
            self.crates = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.crates = {}

    def put(self, crate, outcomes, seconds, when, problem=None):
        """`outcomes`: program's name -> Outcome of the runner. `problem`: why nothing of the crate was run."""
        programs = {}
        for name, outcome in outcomes.items():
            counts = {kind: sum(1 for result, _ in outcome.results.values() if result == kind) for kind in KINDS[:3]}
            programs[name] = {
                **counts, "not_run": len(outcome.missing), "seconds": round(outcome.seconds, 1), "reasons": outcome.missing,
                "failures": {test: text for test, (result, text) in outcome.results.items() if result == "failed"},
            }
        total = {kind: sum(counts[kind] for counts in programs.values()) for kind in KINDS}
        if problem:
            total["failed"] += 1
        self.crates[crate.name] = {"version": crate.version, **total, "seconds": round(seconds, 1), "when": round(when),
                                   "options": list(crate.options), "problem": problem, "programs": programs}
        self.save()
        return self.crates[crate.name]

    def judge_again(self, entries):
        """What failed in an earlier run, and not-run.txt names now, is not run."""
        for crate in self.crates.values():
            for name, program in crate["programs"].items():
                for test, (_, reason) in matching(entries, name, list(program["failures"])).items():
                    del program["failures"][test]
                    program["reasons"][test] = reason
                    for counts in (program, crate):
                        counts["failed"] -= 1
                        counts["not_run"] += 1

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(dict(sorted(self.crates.items())), indent=1) + "\n")
        os.replace(new, self.path)

    def has(self, crate):
        """Whether there is a result of this crate as the list has it now."""
        entry = self.crates.get(crate.name, {})
        return entry.get("version") == crate.version and entry.get("options") == list(crate.options)

    def seconds(self, crate, unknown=300):
        """How long a crate took."""
        return self.crates.get(crate.name, {}).get("seconds", unknown)

    def markdown(self, crates, rust):
        """docs/crates.md. No times and no dates: it changes only when what works changes."""
        lines = ["# Crates of crates.io whose own tests run on seL4", "",
                 "Written by `tests/crates-io/run`, not by hand: the unmodified crates, their unit, integration and doc tests by `cargo sel4",
                 f"test` of {rust}, each booted on seL4 under QEMU. `./test --crates-io NAME` runs those of one crate.", "",
                 "| Crate | Version | Uses | Passed | Failed | Ignored | Not run |", "|---|---|---|--:|--:|--:|--:|"]
        for crate in crates:
            entry = self.crates[crate.name]
            numbers = " | ".join(str(entry[kind]) for kind in KINDS)
            lines.append(f"| {crate.name} | {crate.version} | {crate.why} | {numbers} |")
        total = {kind: sum(self.crates[crate.name][kind] for crate in crates) for kind in KINDS}
        lines.append(f"| **{len(crates)} crates** | | | " + " | ".join(f"**{total[kind]}**" for kind in KINDS) + " |")
        lines += ["", "*Ignored*: by the crate's own mark in the test, on Linux too.", ""]
        with_options = [crate for crate in crates if crate.options]
        if with_options:
            lines += ["Options of `cargo sel4 test`: " + "; ".join(f"{crate.name} `{' '.join(crate.options)}`" for crate in with_options) + ".", ""]
        lines += ["## Failed", ""]
        failed = [f"- `{name}`: `{test}`: {first_line(text)}" for crate in crates
                  for name, program in self.crates[crate.name]["programs"].items() for test, text in program["failures"].items()]
        failed += [f"- `{crate.name}`: {first_line(problem)}" for crate in crates if (problem := self.crates[crate.name]["problem"])]
        lines += failed or ["None."]
        lines += ["", "## Not run", ""]
        not_run = []
        for crate in crates:
            for name, program in self.crates[crate.name]["programs"].items():
                by_reason = {}
                for test, reason in program["reasons"].items():
                    by_reason.setdefault(reason, []).append(test)
                for reason, tests in by_reason.items():
                    not_run += [f"- `{name}`, {len(tests)}: {reason}.", *(f"  - `{test}`" for test in tests)]
        lines += not_run or ["None."]
        return "\n".join(lines) + "\n"


def first_line(text):
    """What of an output fits into a list."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no output")
