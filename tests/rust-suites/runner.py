# SPDX-License-Identifier: BSD-2-Clause
"""Runs one suite to its end, whatever its tests do: boots its program as often as it takes to hear of every test."""

import sys
import time
from dataclasses import dataclass, field

import libtest
from results import matching
from suites import tests_of

# Boots for one suite: more tests than this that end the program are a fault of the system, not of the tests.
MOST_BOOTS = 40
# For the list of a program's tests.
LIST_SECONDS = 60
# libtest of a released toolchain gives JSON only when it is told that it may (library/test/src/cli.rs).
ENVIRONMENT = ("RUST_BACKTRACE=0", "RUSTC_BOOTSTRAP=1")
# libtest's exit codes: all passed, some failed.
ENDED = (0, 101)


@dataclass
class Outcome:
    """test -> (result, text), test -> reason for those of not-run.txt, errors of that list, seconds that it took."""

    results: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)
    errors: list = field(default_factory=list)
    seconds: float = 0.0


class Runner:
    """Runs suites on `board`; `bounds` has test_seconds, suite_seconds and test_threads."""

    def __init__(self, board, work, bounds, say):
        self.board, self.work, self.bounds, self.say = board, work, bounds, say
        self.live = sys.stderr.isatty()

    def run(self, suite, program, entries):
        """Runs `suite`, which is in `program`, without the tests that `entries` name; then those."""
        begun, outcome = time.monotonic(), Outcome()
        self.until = begun + self.bounds.suite_seconds
        folder = self.work / "log"
        folder.mkdir(exist_ok=True)
        with (folder / f"{suite.name}.log").open("w") as log:
            names = self._names(program)
            if names is None:
                outcome.results["(start)"] = ("failed", "the program did not list its tests")
                outcome.seconds = time.monotonic() - begun
                return outcome
            own = self._own(suite, names)
            listed = matching(entries, suite.name, own)
            outcome.results = self._all(suite, program, names, [name for name in own if name not in listed], log)
            self._check(suite, program, names, listed, entries, log, outcome)
        outcome.seconds = time.monotonic() - begun
        return outcome

    def _own(self, suite, names):
        """Those of a program's test `names` that belong to `suite`."""
        return tests_of(suite, names)

    def _names(self, program):
        """The names of a program's tests, asked for once after each link."""
        cached = program.with_suffix(".tests")
        if cached.is_file() and cached.stat().st_mtime_ns > program.stat().st_mtime_ns:
            return cached.read_text().splitlines()
        ended = self.board.boot(program, ["--list", "--format", "terse"], LIST_SECONDS, LIST_SECONDS)
        if ended.code != 0:
            return None
        names = libtest.listed(ended.text)
        cached.write_text("".join(name + "\n" for name in names))
        return names

    def _check(self, suite, program, names, listed, entries, log, outcome):
        """Runs what not-run.txt names: it must fail. An entry that names nothing is an error too."""
        for name, (result, text) in self._all(suite, program, names, list(listed), log).items():
            if name not in listed:
                continue
            pattern, reason = listed[name]
            if result == "passed":
                outcome.errors.append(f"{name} passes: not-run.txt must not name it any more ({pattern})")
                outcome.results[name] = (result, text)
            elif result == "ignored":
                outcome.results[name] = (result, text)
            else:
                outcome.missing[name] = reason
        used = {pattern for pattern, _ in listed.values()}
        outcome.errors += [f"not-run.txt: {pattern} names no test" for pattern, _ in entries
                           if pattern.startswith(suite.name + "::") and pattern not in used]

    def _all(self, suite, program, names, wanted, log):
        """Runs the tests `wanted`: test -> (passed, failed or ignored, text)."""
        results, batches, boots = {}, [wanted] if wanted else [], 0
        while batches:
            batch = batches.pop(0)
            boots += 1
            if boots > MOST_BOOTS or time.monotonic() > self.until:
                why = "not run: " + ("too many tests before it ended the program" if boots > MOST_BOOTS else "the suite's time was over")
                results.update({name: ("failed", why) for batch in (batch, *batches) for name in batch})
                break
            console, ended = self._boot(suite, program, libtest.selection(names, batch), log, len(results), len(wanted))
            for name, result in console.results.items():
                results[name] = ("passed" if result == "ok" else result, console.output.get(name, ""))
            left = [name for name in batch if name not in results]
            regular = console.finished and ended.code in ENDED
            if regular and len(left) < len(batch) and left:
                batches.insert(0, left)
                continue
            if regular and not left:
                continue
            why = ended.why or (f"the program ended with exit code {ended.code}" if not regular else "no result was reported")
            text = why + "\n" + "\n".join(ended.text.splitlines()[-30:])
            running = [name for name in console.running if name in left]
            if not left:
                results["(end)"] = ("failed", "after the last test: " + text)
            elif len(running) > 1:
                # One of these did it: each alone, then the others.
                batches = [[name] for name in running] + [[name for name in left if name not in running]] + batches
                batches = [names for names in batches if names]
            elif running:
                results[running[0]] = ("failed", text)
                if rest := [name for name in left if name != running[0]]:
                    batches.insert(0, rest)
            elif len(left) < len(batch):
                # It ended between two tests: what was running before is told by the text of the next one.
                results[left[0]] = ("failed", "ended before this test started: " + text)
                if left[1:]:
                    batches.insert(0, left[1:])
            else:
                results.update({name: ("failed", "no test was started: " + text) for name in left})
        return results

    def _boot(self, suite, program, arguments, log, done, all_tests):
        console = libtest.Console()
        last = [time.monotonic()]

        def tick():
            now = time.monotonic()
            if now - last[0] >= (1 if self.live else 60):
                last[0] = now
                text = f"{suite.name}: {done + len(console.results)} of {all_tests}"
                if self.live:
                    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
                else:
                    self.say(text)

        threads = [f"--test-threads={self.bounds.test_threads}"] if self.bounds.test_threads else []
        log.write(f"== {len(arguments)} arguments\n")
        ended = self.board.boot(program, [*libtest.FORMAT, *threads, *arguments], max(10, self.until - time.monotonic()),
                                self.bounds.test_seconds, console, ENVIRONMENT, log, tick)
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        return console, ended
