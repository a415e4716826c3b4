#!/usr/bin/env python3
"""Runs the tests, two at a time, and counts them. Called by ./test.

    tests/run.py --build FOLDER [--list] [--rust-suites] [--crates-io] [--without NAME]... [NAME...]

NAME chooses the tests whose names contain it, --without NAME leaves those out; --rust-suites runs Rust's own suites alone
and writes docs/std-support.md; --crates-io runs the tests of the crates NAME, or of all in tests/crates-io/crates.toml, and
writes docs/crates.md. SEL4_PREFIX and MUSLC_PREFIX in the environment name the kernel and the C library to test with. A test that does not end in its time has failed. What a failed test said last is shown; all
that tests said is in tests/log in the build folder. The last line is `N passed, N failed`, with `, N skipped` where this
machine lacks something.
"""

import argparse
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is written beside the sources

from driver import board, builds, host  # noqa: E402
from driver.core import Counts, Failure, Place, Skip, say  # noqa: E402

AT_A_TIME = 2


def run(test, place):
    """A test's counts and what to print of it."""
    started = time.monotonic()
    log = place.log(test.name)
    counts, verdict, detail = Counts(passed=1), "ok     ", ""
    try:
        counts = test.run(place) or counts
        if counts.passed + counts.failed > 1:
            detail = f": {counts}"
    except Skip as reason:
        counts, verdict, detail = Counts(skipped=1), "skipped", f": {reason}"
    except Failure as reason:
        counts, verdict, detail = getattr(reason, "counts", None) or Counts(), "FAILED ", f": {reason}"
        counts.failed = max(counts.failed, 1)
        detail += f"\n    whole output: {log}"
    except Exception:  # a mistake in a test must not end the others
        counts, verdict, detail = Counts(failed=1), "FAILED ", f": {traceback.format_exc()}"
    return counts, f"{verdict} {test.name} ({time.monotonic() - started:.0f} s){detail}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--list", action="store_true", help="names the tests and runs none")
    parser.add_argument("--rust-suites", action="store_true", help="runs Rust's own suites alone and writes docs/std-support.md")
    parser.add_argument("--crates-io", action="store_true", help="runs the tests of crates of crates.io alone and writes docs/crates.md")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="leaves out the tests whose names contain it")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()

    tests = [*host.tests(), *board.tests(), *builds.tests()]
    if options.rust_suites:
        options.names = ["Rust's own suites"]
    crates = None
    if options.crates_io:
        crates, options.names = options.names, ["crates.io"]
    if options.names:
        tests = [test for test in tests if any(name in test.name for name in options.names)]
    tests = [test for test in tests if not any(name in test.name for name in options.without)]
    if options.list:
        for test in tests:
            say(test.name)
        return 0
    if not tests:
        sys.exit(f"no test's name contains {' or '.join(options.names)}; see ./test --list")

    place, total = Place(options.build.resolve(), options.rust_suites, crates), Counts()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in as_completed([pool.submit(run, test, place) for test in tests]):
            counts, line = done.result()
            total += counts
            say(line)
    say(str(total))
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
