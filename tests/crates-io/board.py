# SPDX-License-Identifier: BSD-2-Clause
"""Runs a crate's test program by `cargo sel4 test`, in the place of the board of tests/rust-suites: its runner does the rest."""

import subprocess
import sys
import time

from boot import Board, Ended
from libtest import Console, listed
from runner import Runner, Outcome

# libtest gives JSON only when it is told that it may; --list answers at once.
LIST_SECONDS = 600
# `cargo sel4` itself could not do it, or QEMU could not.
NOT_RUN = (125, 126)


class CargoBoard:
    """Boots by `cargo sel4 test`. What it calls a program is (Built, Program)."""

    def __init__(self, cargo, options):
        self.cargo, self.options = cargo, options

    def boot(self, program, arguments, seconds, quiet_seconds, console=None, environment=(), log=None, tick=None):
        """As Board.boot. Doc tests are many short boots, which rustdoc starts; everything else is one."""
        built, which = program
        variables = [word for variable in environment for word in ("--env", variable)]
        bounds = ["--timeout", str(round(seconds) + 1), "--idle-timeout", "0"]
        command = self.cargo.command("test", "--quiet", *bounds, *variables, *self.cargo.jobs, *self.options, *built.crate.options,
                                     *which.chosen_by, "--", *arguments)
        process = subprocess.Popen(command, cwd=built.folder, env=self.cargo.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            ended = Board._follow(process, console or Console(), seconds, quiet_seconds, log, tick)
        finally:
            if process.poll() is None:
                process.terminate()  # cargo sel4 takes cargo and QEMU with it
            process.wait()
            process.stdout.close()
        if ended.code in NOT_RUN:
            return Ended(None, "cargo sel4 could not run it", ended.text)
        return ended


class CrateRunner(Runner):
    """The runner of tests/rust-suites, for crates: every test of a program is its suite's."""

    # The folder of the crate whose doc tests were run last, and what came of them.
    doc_tests = (None, {})

    def _names(self, program):
        _, which = program
        if not which.libtest:
            return [WHOLE]
        ended = self.board.boot(program, ["--list", "--format", "terse"], LIST_SECONDS, LIST_SECONDS)
        return listed(ended.text) if ended.code == 0 else None

    def _own(self, suite, names):
        return names

    def _all(self, suite, program, names, wanted, log):
        built, which = program
        if which.chosen_by == ("--doc",) and wanted:
            # rustdoc takes a name apart at its blanks, so doc tests cannot be chosen: all are run, once.
            if self.doc_tests[0] != built.folder:
                self.doc_tests = built.folder, super()._all(suite, program, names, names, log)
            return {name: result for name, result in self.doc_tests[1].items() if name in wanted or name not in names}
        if which.libtest or not wanted:
            return super()._all(suite, program, names, wanted, log)
        ended = self.board.boot(program, [], self.bounds.test_seconds, self.bounds.test_seconds, log=log)
        passed = ended.code == 0
        return {WHOLE: ("passed" if passed else "failed", "" if passed else (ended.why or f"exit code {ended.code}") + "\n" + ended.text[-2000:])}


# The one test of a program that is its own main.
WHOLE = "(program)"
