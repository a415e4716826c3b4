"""What a test is, how a command is run within bounds, and where things are."""

import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

TOP = Path(__file__).resolve().parents[2]
COUNTS = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")
SHOWN_LINES = 30
# Where the programs that run tests, and compilers, begin to say what failed: cargo's, ours, unittest's.
FIRST_FAILURE = re.compile(r"---- .* stdout ----$|FAILED|FAIL: |error(\[E\d+\])?: ")
# The kernel and the C library that the caller's environment names; "" for those that this tree makes.
SEL4_PREFIX, MUSLC_PREFIX = (os.environ.get(name, "") for name in ("SEL4_PREFIX", "MUSLC_PREFIX"))
# The kernels: both variants of kernel/, or the one that is named.
VARIANTS = ("given",) if SEL4_PREFIX else ("debug", "release")
# What in the caller's environment would change what is tested.
CALLERS = {"RUSTUP_TOOLCHAIN", "RUSTC", "RUSTFLAGS", "RUST_BACKTRACE", "CARGO_TARGET_DIR", "SEL4_PREFIX", "MUSLC_PREFIX", "SYSROOT"}


class Failure(Exception):
    """A test failed; the text says why."""


class Skip(Exception):
    """A test cannot run on this machine; the text says what it lacks."""


@dataclass
class Counts:
    """How many checks passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass
class Test:
    """A test. `run` returns the counts of a test that counts for itself, or nothing, which is one passed."""

    name: str
    run: Callable[["Place"], Counts | None]


@dataclass
class Ran:
    """A command that came to its end, or was stopped after its time (then without a code)."""

    code: int | None
    output: str

    def tail(self):
        """What tells why it failed: its last lines, and before them those of the first failure, where the tests that follow one hide it."""
        lines = self.output.splitlines()
        first = next((at for at, line in enumerate(lines) if FIRST_FAILURE.match(line)), len(lines))
        last = max(len(lines) - SHOWN_LINES, 0)
        shown = lines[last:]
        if first < last:
            left_out = ["..."] if first + SHOWN_LINES < last else []
            shown = [*lines[first:min(first + SHOWN_LINES, last)], *left_out, *shown]
        return "\n".join(["", *(f"    | {line}" for line in shown)])


@dataclass
class Place:
    """Where things are."""

    build: Path
    # Rust's own suites were asked for alone.
    rust_suites: bool = False
    # The crates of crates.io that were asked for alone, [] for all of them; None: they were not.
    crates: list | None = None
    rust: dict = field(default_factory=dict)
    builds: dict = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.local = field(default_factory=threading.local)

    def __post_init__(self):
        self.work = self.build / "tests"
        self.work.mkdir(parents=True, exist_ok=True)
        lines = (self.build / "rust-env").read_text().split()
        self.rust = dict(line.split("=", 1) for line in lines)

    @property
    def environment(self):
        """The environment of commands: the toolchain of the build first in PATH, no settings of the caller's."""
        kept = {name: value for name, value in os.environ.items() if name not in CALLERS}
        path = f"{self.rust['RUST_BIN']}:{os.environ['PATH']}"
        return kept | {"PATH": path, "RUSTC_BOOTSTRAP": "1", "CARGO_TERM_COLOR": "never"}

    def run(self, command, seconds, cwd=TOP, env=None, until=None):
        """Runs a command with its output in one text, and stops it with all it started after some seconds, or as soon as
        `until` is in its output."""
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=self.environment | {name: str(value) for name, value in (env or {}).items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output, seen = bytearray(), threading.Event()

        def read():
            while chunk := process.stdout.read1(65536):
                output.extend(chunk)
                if until is not None and until.encode() in output:
                    break
            seen.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        in_time = seen.wait(seconds)
        stopped = not in_time or (until is not None and until.encode() in output)
        code = None
        if not stopped:
            code = process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        reader.join(5)
        text = output.decode(errors="replace").replace("\r\n", "\n")
        with self.log().open("a") as log:
            log.write(f"$ {' '.join(map(str, command))}\n{text}\n[{'stopped' if code is None else f'exit code {code}'}]\n\n")
        return Ran(code, text)

    def log(self, test=None):
        """The file with the whole output of what the test that this thread runs ran; a new one if `test` is named."""
        if test is not None:
            self.thread.log = self.work / "log" / (re.sub(r"[^\w.-]+", "-", test) + ".log")
            self.thread.log.parent.mkdir(exist_ok=True)
            self.thread.log.write_text("")
        return self.thread.log

    def expect_success(self, command, seconds, **more):
        """Runs a command that must end with 0; its output."""
        ran = self.run(command, seconds, **more)
        if ran.code != 0:
            raise Failure(f"{Path(str(command[0])).name} {ending(ran, seconds)}{ran.tail()}")
        return ran.output

    def counted(self, command, seconds, **more):
        """Runs a command whose output counts its checks: in one line, or in several as cargo's does."""
        ran = self.run(command, seconds, **more)
        counts = Counts()
        cargo = re.findall(r"^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored", ran.output, re.M)
        if cargo:
            for numbers in cargo:
                counts += Counts(*map(int, numbers))
        elif found := COUNTS.findall(ran.output):
            counts = Counts(*(int(number or 0) for number in found[-1]))
        if ran.code != 0 or counts.failed or not counts.passed:
            problem = Failure(f"{ending(ran, seconds)}; {counts}{ran.tail()}")
            problem.counts = counts
            raise problem
        return counts

    def once(self, name, make):
        """What `make` gives, made by the first that asks; its failure is everyone's."""
        with self.guard:
            lock, result = self.builds.setdefault(name, (threading.Lock(), {}))
        with lock:
            if "value" not in result and "failure" not in result:
                started = time.monotonic()
                try:
                    result["value"] = make()
                    say(f"built   {name} ({time.monotonic() - started:.0f} s)")
                except Failure as failure:
                    result["failure"] = f"{name} could not be built: {failure}"
            if "failure" in result:
                raise Failure(result["failure"])
            return result["value"]


def ending(ran, seconds):
    return f"did not end in {seconds} s" if ran.code is None else f"ended with {ran.code}"


def say(text):
    print(text, flush=True)
