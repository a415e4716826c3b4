# SPDX-License-Identifier: BSD-2-Clause
"""Host tests of what ./test shows of a failure."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from driver.core import SHOWN_LINES, Ran  # noqa: E402

AFTER = [f"after {number}" for number in range(2 * SHOWN_LINES)]


def shown(*lines):
    return [line.removeprefix("    | ") for line in Ran(1, "\n".join(lines)).tail().splitlines()[1:]]


class Tail(unittest.TestCase):
    def test_the_first_failure_is_shown_before_the_last_lines(self):
        for first in ("---- fs::tests::a stdout ----", "FAILED a check: 1, not 2", "FAIL: test_a (b.c)", "error[E0425]: no such name", "error: no such file"):
            with self.subTest(first):
                lines = shown("before", first, "why", *AFTER)
                self.assertEqual(lines[:2], [first, "why"])
                self.assertEqual(lines[SHOWN_LINES:], ["...", *AFTER[-SHOWN_LINES:]])

    def test_no_line_is_shown_twice_or_left_out_between(self):
        near = ["FAILED a check", *AFTER[: SHOWN_LINES + 5]]
        self.assertEqual(shown("before", *near), near)
        last = ["before", "FAILED a check", "why"]
        self.assertEqual(shown(*last), last)

    def test_without_a_failure_the_last_lines_are_shown(self):
        self.assertEqual(shown("test a ... ok", *AFTER), AFTER[-SHOWN_LINES:])
        self.assertEqual(shown(), [])


if __name__ == "__main__":
    unittest.main()
