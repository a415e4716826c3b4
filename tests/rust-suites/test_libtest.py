# SPDX-License-Identifier: BSD-2-Clause
"""Host tests: python3 -m unittest discover -s tests/rust-suites"""

import json
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import libtest  # noqa: E402
import report  # noqa: E402
import results  # noqa: E402
from runner import Runner  # noqa: E402
from suites import SUITES, Suite, programs, tests_of  # noqa: E402


def event(name, kind, **more):
    return json.dumps({"type": "test", "name": name, "event": kind, **more}).replace('{"', '{ "', 1) + "\n"


START = '{ "type": "suite", "event": "started", "test_count": 3 }\n'
END = '{ "type": "suite", "event": "ok", "passed": 3 }\n'


def read(*pieces):
    console = libtest.Console()
    for piece in pieces:
        console.feed(piece)
    console.close()
    return console


class ConsoleTest(unittest.TestCase):
    def test_a_whole_run(self):
        console = read(START, event("a", "started"), event("a", "ok"), event("b", "started"),
                       event("b", "failed", stdout="panicked\nat b\n"), event("c", "started"), event("c", "ignored"), END)
        self.assertEqual(console.results, {"a": "ok", "b": "failed", "c": "ignored"})
        self.assertEqual(console.output, {"b": "panicked\nat b\n"})
        self.assertTrue(console.finished)
        self.assertEqual(console.running, [])

    def test_any_pieces(self):
        text = START + event("a::b", "started") + event("a::b", "ok") + END
        console = read(*text)
        self.assertEqual(console.results, {"a::b": "ok"})
        self.assertTrue(console.finished)

    def test_it_ends_in_the_middle(self):
        console = read(START, event("a", "started"), event("a", "ok"), event("b", "started"), "fault at 0x0\n")
        self.assertEqual((console.running, console.finished), (["b"], False))

    def test_text_before_after_and_between_objects_of_a_line(self):
        line = "noise " + event("a", "started").strip() + event("a", "ok").strip() + " more noise\n"
        self.assertEqual(read(line).results, {"a": "ok"})

    def test_an_object_that_something_was_printed_into_is_not_reported(self):
        whole = event("a", "ok")
        console = read(event("a", "started"), whole[:20] + "\nthread 'x' panicked\n" + whole[20:], event("b", "started"), event("b", "ok"))
        self.assertEqual((console.results, console.running), ({"b": "ok"}, ["a"]))

    def test_an_object_within_what_a_test_printed_is_not_one(self):
        console = read(event("a", "failed", stdout=event("b", "ok")))
        self.assertEqual(console.results, {"a": "failed"})

    def test_a_last_line_without_its_end(self):
        self.assertEqual(read(event("a", "ok").strip()).results, {"a": "ok"})

    def test_long_running_tests_are_no_result(self):
        self.assertEqual(read(event("a", "started"), event("a", "timeout")).running, ["a"])


class SelectionTest(unittest.TestCase):
    NAMES = ["a", "b", "c", "d"]

    def test_all(self):
        self.assertEqual(libtest.selection(self.NAMES, self.NAMES), [])

    def test_few(self):
        self.assertEqual(libtest.selection(self.NAMES, ["c"]), ["--exact", "c"])

    def test_many(self):
        self.assertEqual(libtest.selection(self.NAMES, ["a", "b", "d"]), ["--exact", "--skip", "c"])

    def test_list(self):
        text = "noise\na::b: test\r\nc: benchmark\nnot: a test that\n\n2 tests, 1 benchmarks\n"
        self.assertEqual(libtest.listed(text), ["a::b", "c"])


class SuitesTest(unittest.TestCase):
    def test_each_test_of_a_program_is_in_one_suite(self):
        names = ["thread::tests::a", "net::tcp::tests::b", "fs::tests::c", "process::tests::d", "io::tests::e", "sync::f"]
        for package, target in programs():
            family = [suite for suite in SUITES if (suite.package, suite.target) == (package, target)]
            found = [name for suite in family for name in tests_of(suite, names)]
            self.assertEqual(sorted(found), sorted(names), target)

    def test_names_are_different(self):
        self.assertEqual(len({suite.name for suite in SUITES}), len(SUITES))


class Board:
    """Boots a program whose tests do as `tests` says: ok, failed, crash, hang."""

    def __init__(self, tests):
        self.tests, self.boots = tests, 0

    def boot(self, program, arguments, seconds, quiet_seconds, console=None, environment=(), log=None, tick=None):
        from boot import Ended
        if "--list" in arguments:
            return Ended(0, "", "".join(f"{name}: test\n" for name in self.tests))
        self.boots += 1
        given = [part for part in arguments if part in self.tests]
        skip = "--skip" in arguments
        chosen = [name for name in self.tests if not given or (name in given) != skip]
        text = START
        for name in chosen:
            text += event(name, "started")
            if self.tests[name] in ("crash", "hang"):
                console.feed(text)
                console.close()
                stopped = self.tests[name] == "hang"
                return Ended(None if stopped else 139, "nothing reported for 120 s" if stopped else "", text)
            text += event(name, self.tests[name])
        console.feed(text + END)
        console.close()
        return Ended(101 if "failed" in text else 0, "", text + END)


class Bounds:
    test_seconds, suite_seconds, test_threads = 120, 900, None


class RunnerTest(unittest.TestCase):
    def outcome(self, tests, entries=()):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "program.elf"
            program.write_text("")
            self.board = Board(tests)
            return Runner(self.board, Path(folder), Bounds, lambda text: None).run(
                Suite("s", "p", "t", ""), program, list(entries))

    def setUp(self):
        import runner
        self.tests_of = runner.tests_of
        runner.tests_of = lambda suite, names: names
        self.addCleanup(setattr, runner, "tests_of", self.tests_of)

    def test_a_crash_and_a_hang_cost_themselves_only(self):
        outcome = self.outcome({"a": "ok", "b": "crash", "c": "ok", "d": "hang", "e": "failed", "f": "ignored"})
        self.assertEqual({name: result for name, (result, _) in outcome.results.items()},
                         {"a": "passed", "b": "failed", "c": "passed", "d": "failed", "e": "failed", "f": "ignored"})
        self.assertIn("exit code 139", outcome.results["b"][1])
        self.assertIn("nothing reported", outcome.results["d"][1])
        self.assertEqual(self.board.boots, 3)

    def test_a_listed_test_that_fails_is_not_run(self):
        outcome = self.outcome({"a": "ok", "b": "crash"}, [("s::b", "because")])
        self.assertEqual((list(outcome.results), outcome.missing, outcome.errors), (["a"], {"b": "because"}, []))

    def test_a_listed_test_that_passes_is_an_error(self):
        outcome = self.outcome({"a": "ok", "b": "ok"}, [("s::b", "because")])
        self.assertEqual(outcome.results["b"][0], "passed")
        self.assertEqual(len(outcome.errors), 1)

    def test_an_entry_that_names_nothing_is_an_error(self):
        self.assertEqual(len(self.outcome({"a": "ok"}, [("s::gone", "because")]).errors), 1)

    def test_nothing_but_crashes_ends(self):
        outcome = self.outcome({f"t{number:03}": "crash" for number in range(100)})
        self.assertEqual(len(outcome.results), 100)
        self.assertTrue(all(result == "failed" for result, _ in outcome.results.values()))


class ReportTest(unittest.TestCase):
    def test_the_list_needs_a_reason(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list"
            path.write_text("# about\n\ns::a*\tbecause\n")
            self.assertEqual(results.read_not_run(path), [("s::a*", "because")])
            path.write_text("s::a\n")
            self.assertRaises(results.BadList, results.read_not_run, path)

    def test_results_are_kept_from_run_to_run(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "results.json"
            report.Report(path).put(SUITES[0], {"a": ("passed", ""), "b": ("failed", "boom")}, {"c": "because"}, 1.25, 7)
            again = report.Report(path)
            again.put(SUITES[1], {"d": ("ignored", "")}, {}, 1, 8)
            written = json.loads(path.read_text())
            self.assertEqual([written[SUITES[0].name][kind] for kind in ("passed", "failed", "ignored", "not_run")], [1, 1, 0, 1])
            self.assertEqual(written[SUITES[1].name]["ignored"], 1)
            text = again.markdown("Rust 1")
            self.assertIn("boom", text)
            self.assertIn("because", text)

    def test_what_waited_longest_comes_first(self):
        with tempfile.TemporaryDirectory() as folder:
            covered = report.Covered(Path(folder) / "covered.json")
            covered.put(SUITES[0].name, 20, 1)
            covered.put(SUITES[1].name, 10, 1)
            order = covered.oldest_first(SUITES[:3])
            self.assertEqual(order, [SUITES[2], SUITES[1], SUITES[0]])


if __name__ == "__main__":
    unittest.main()
