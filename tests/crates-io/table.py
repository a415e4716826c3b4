# SPDX-License-Identifier: BSD-2-Clause
"""The results by crate as JSON, and the table for people that is written from them."""

from results import TOTALS, Kept, cells, counts, failures, first_line, matching, not_run


class Results:
    """crates-io.json: crate -> version, passed, failed, ignored, not_run, seconds, when, and by program the same counts,
    failures (test -> text) and reasons (test -> why it is not run). Kept from run to run: a run of some crates replaces theirs."""

    def __init__(self, path):
        self.kept = Kept(path)
        self.crates = self.kept.entries

    def put(self, crate, outcomes, seconds, when, problem=None):
        """`outcomes`: program's name -> Outcome of the runner. `problem`: why nothing of the crate was run."""
        programs = {name: counts(outcome.results, outcome.missing) | {"seconds": round(outcome.seconds, 1)} for name, outcome in outcomes.items()}
        total = {kind: sum(program[kind] for program in programs.values()) for kind in TOTALS}
        if problem:
            total["failed"] += 1
        self.crates[crate.name] = {"version": crate.version, **total, "seconds": round(seconds, 1), "when": round(when),
                                   "options": list(crate.options), "problem": problem, "programs": programs}
        self.kept.save(sorted(self.crates))
        return self.crates[crate.name]

    def judge_again(self, entries):
        """What failed in an earlier run, and not-run.txt names now, is not run."""
        for crate in self.crates.values():
            for name, program in crate["programs"].items():
                for test, (_, reason) in matching(entries, name, list(program["failures"])).items():
                    del program["failures"][test]
                    program["reasons"][test] = reason
                    for entry in (program, crate):
                        entry["failed"] -= 1
                        entry["not_run"] += 1

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
            lines.append(f"| {crate.name} | {crate.version} | {crate.why} | {cells(entry)} |")
        total = {kind: sum(self.crates[crate.name][kind] for crate in crates) for kind in TOTALS}
        lines.append(f"| **{len(crates)} crates** | | | {cells(total, '**')} |")
        lines += ["", "*Ignored*: by the crate's own mark in the test, on Linux too.", ""]
        with_options = [crate for crate in crates if crate.options]
        if with_options:
            lines += ["Options of `cargo sel4 test`: " + "; ".join(f"{crate.name} `{' '.join(crate.options)}`" for crate in with_options) + ".", ""]
        programs = [program for crate in crates for program in self.crates[crate.name]["programs"].items()]
        failed = failures(programs)
        failed += [f"- `{crate.name}`: {first_line(problem)}" for crate in crates if (problem := self.crates[crate.name]["problem"])]
        lines += ["## Failed", "", *(failed or ["None."]), "", "## Not run", "", *(not_run(programs) or ["None."])]
        return "\n".join(lines) + "\n"
