# SPDX-License-Identifier: BSD-2-Clause
"""Reads what a libtest program prints on the console, and says which arguments make it run certain tests.

libtest is asked for JSON, an object a line (`--format json`): started, ok, failed, ignored for each test, one result at
the end. Between and within the lines stands what tests print past libtest's capture, and reports of faults, so an object
is looked for anywhere in a line, and what cannot be read as one is skipped: its test counts as not reported.
"""

import json
import re

FORMAT = ["--format", "json", "-Zunstable-options"]

_OBJECT = re.compile(r'\{ "type": "(?:suite|test)", ')
_LISTED = re.compile(r"^(.+): (?:test|benchmark)$")


class Console:
    """What one run of a libtest program reported. `feed` takes the console's text in pieces of any size."""

    def __init__(self):
        # Test name -> "ok", "failed" or "ignored".
        self.results = {}
        # Test name -> what it printed, for tests that failed.
        self.output = {}
        # Tests that started and have no result, in the order of their start.
        self.running = []
        # True when libtest gave its result at the end.
        self.finished = False
        # Number of objects read: grows as long as there is progress.
        self.progress = 0
        self._line = ""
        self._decoder = json.JSONDecoder()

    def feed(self, text):
        lines = (self._line + text).split("\n")
        self._line = lines.pop()
        for line in lines:
            self._read(line)

    def close(self):
        """The console ended: what stands in its last line counts too."""
        self._read(self._line)
        self._line = ""

    def _read(self, line):
        at = 0
        while start := _OBJECT.search(line, at):
            try:
                value, at = self._decoder.raw_decode(line, start.start())
            except ValueError:
                at = start.end()
                continue
            self.progress += 1
            self._take(value)

    def _take(self, value):
        event, name = value.get("event"), value.get("name")
        if value["type"] == "suite":
            self.finished = self.finished or event in ("ok", "failed")
        elif event == "started":
            self.running.append(name)
        elif event in ("ok", "failed", "ignored"):
            self.results[name] = event
            if event == "failed":
                self.output[name] = value.get("stdout", "") or value.get("message", "")
            if name in self.running:
                self.running.remove(name)


def listed(text):
    """The tests' names in what `--list --format terse` printed, in libtest's order."""
    return [found.group(1) for line in text.splitlines() if (found := _LISTED.match(line.strip()))]


def selection(names, wanted):
    """libtest's arguments to run exactly the tests `wanted` of all its `names`: by naming them, or by naming the others,
    whichever is shorter."""
    chosen = set(wanted)
    others = [name for name in names if name not in chosen]
    if not others:
        return []
    if len(others) <= len(chosen):
        return ["--exact", *(part for name in others for part in ("--skip", name))]
    return ["--exact", *(name for name in names if name in chosen)]
