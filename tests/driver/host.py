"""Tests that need no board: the crates' own, also under Miri, the scripts of tests/host, fuzz targets, and the lints of the Rust code."""

import re
import shutil

from .core import SEL4_PREFIX, TOP, VARIANTS, Counts, Skip, Test
from . import trees


def tests():
    for script in sorted((TOP / "tests" / "host").glob("*.sh")):
        yield Test(f"host: {script.stem}", lambda place, script=script: place.counted(["sh", script], 900))
    if not SEL4_PREFIX:
        yield Test("host: kernel build", lambda place: place.counted(["sh", TOP / "tests" / "kernel" / "build.sh"], 900))
    # What reads libtest's output and runs on after a crash, with a board that is none.
    yield Test("host: runner of suites", lambda place: unittests(place, "rust-suites/test_libtest.py"))
    yield Test("host: what is shown of a failure", lambda place: unittests(place, "driver/test_core.py"))
    yield Test("host: cargo test", cargo_test)
    yield Test("host: cargo clippy", clippy)
    yield Test("host: cargo fmt", fmt)
    yield Test("host: Miri", miri)
    yield Test("host: fuzz targets", fuzz)


def unittests(place, script):
    """A script of tests/ with tests of Python's unittest."""
    output = place.expect_success(["python3", "-B", TOP / "tests" / script], 120)
    return Counts(passed=int(re.search(r"^Ran (\d+) tests", output, re.M)[1]))


def cargo(place, *arguments, seconds=1800):
    env = {"CARGO_TARGET_DIR": place.work / "cargo", "SEL4_PREFIX": trees.prefix(place, VARIANTS[0])}
    return ["cargo", *arguments], seconds, {"env": env}


def cargo_test(place):
    command, seconds, more = cargo(place, "test", "--workspace", "--no-fail-fast", "--jobs", "2")
    return place.counted(command, seconds, **more)


def clippy(place):
    if place.run(["cargo", "clippy", "--version"], 60).code != 0:
        raise Skip("this toolchain has no clippy")
    command, seconds, more = cargo(place, "clippy", "--workspace", "--all-targets", "--jobs", "2", "--", "-D", "warnings")
    place.expect_success(command, seconds, **more)


# The workspace, and what is none of it.
MANIFESTS = ("", "crates/muslcsys/fuzz", "tests/cargo-sel4/fixture", "tests/images/arguments", "tests/images/memory",
             "tests/outside-project/greeting", "tests/sel4/rust")


def fmt(place):
    if place.run(["cargo", "fmt", "--version"], 60).code != 0:
        raise Skip("this toolchain has no rustfmt")
    for folder in MANIFESTS:
        place.expect_success(["cargo", "fmt", "--all", "--check", "--manifest-path", TOP / folder / "Cargo.toml"], 300)


def miri(place):
    """muslcsys's tests under Miri, which only nightly toolchains have."""
    nightly = ["rustup", "run", "nightly", "cargo", "miri"]
    if not shutil.which("rustup") or place.run([*nightly, "--version"], 60).code != 0:
        raise Skip("this machine has no Miri: rustup toolchain install nightly --component miri,rust-src")
    # A number that a program gives as a pointer is one to its memory: Miri is told that this is meant. Tests ask for the time. What statics and
    # mounts keep to the end is no leak; the fuzz targets look for leaks.
    env = {"CARGO_TARGET_DIR": place.work / "miri", "MIRIFLAGS": "-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks"}
    return place.counted([*nightly, "test", "--package", "muslcsys", "--lib", "--jobs", "2"], 3000, env=env)


# What cargo-fuzz has rustc do, without a sanitizer, which not every toolchain has.
FUZZ_FLAGS = " ".join(["--cfg=fuzzing", "-Ccodegen-units=1", "-Cpasses=sancov-module", *("-Cllvm-args=-sanitizer-coverage-" + option for option in (
    "level=4", "inline-8bit-counters", "pc-table", "trace-compares"))])
# Inputs of each target, the same in every run.
FUZZ_RUNS = {"archive": 30000, "walk": 3000, "paths": 3000}


def fuzz(place):
    """The fuzz targets for a short while."""
    if not shutil.which("c++"):
        raise Skip("this machine has no C++ compiler, which libFuzzer is made with: g++")
    folder, work = TOP / "crates" / "muslcsys" / "fuzz", place.work / "fuzz"
    host = re.search(r"^host: (.*)$", place.expect_success(["rustc", "-vV"], 60), re.M)[1]
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", folder / "Cargo.toml", "--target", host, "--target-dir", work, "--jobs", "2"]
    place.expect_success(command, 1800, env={"RUSTFLAGS": FUZZ_FLAGS})
    for target, runs in FUZZ_RUNS.items():
        found = work / f"corpus-{target}"
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir()
        dictionary = [f"-dict={folder / 'archive.dict'}"] if target == "archive" else []
        place.expect_success([work / host / "release" / target, found, folder / "seeds" / target, *dictionary, "-seed=1", f"-runs={runs}",
                              "-len_control=0", "-max_len=4096", f"-artifact_prefix={work}/{target}-"], 600)
    return Counts(passed=len(FUZZ_RUNS))
