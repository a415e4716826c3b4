"""Tests that need no board: the crates' own, the scripts of tests/host, and the lints of the Rust code."""

from .core import SEL4_PREFIX, TOP, VARIANTS, Skip, Test
from . import trees


def tests():
    for script in sorted((TOP / "tests" / "host").glob("*.sh")):
        yield Test(f"host: {script.stem}", lambda place, script=script: place.counted(["sh", script], 900))
    if not SEL4_PREFIX:
        yield Test("host: kernel build", lambda place: place.counted(["sh", TOP / "tests" / "kernel" / "build.sh"], 900))
    yield Test("host: cargo test", cargo_test)
    yield Test("host: cargo clippy", clippy)


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
