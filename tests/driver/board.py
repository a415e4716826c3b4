"""Tests that boot on QEMU: the example and the programs of tests/images, and the runners of kernel, loader and tests/sel4."""

import re

from .core import SEL4_PREFIX, TOP, VARIANTS, Failure, Test, ending
from . import trees

IMAGES = TOP / "tests" / "images"
SECONDS = 60


def tests():
    for panic, levels in (("unwind", (1, 2, 3)), ("abort", (1,))):
        for variant in VARIANTS:
            for level in levels:
                yield boot("rootserver", variant, panic, level)
    for expected in sorted(IMAGES.glob("*.expect")):
        if expected.stem != "rootserver":
            for variant in VARIANTS:
                yield boot(expected.stem, variant, "unwind", 1)
    for variant in VARIANTS:
        yield Test(f"seL4: {variant}", lambda place, variant=variant: programs(place, variant))
    if not SEL4_PREFIX:
        yield Test("kernel", kernel)
    yield Test("loader", loader)
    yield Test("cargo sel4", cargo_sel4)
    yield Test("Rust's own suites", rust_suites)
    yield Test("crates.io", crates_io)


class Expected:
    """A NAME.expect file; tests/images/rootserver.expect says what its lines mean."""

    def __init__(self, file, panic):
        self.exit, self.seconds, self.lines = 0, SECONDS, []
        for line in file.read_text().splitlines():
            if directive := re.fullmatch(r"(exit|timeout) (\d+)", line):
                setattr(self, {"exit": "exit", "timeout": "seconds"}[directive[1]], int(directive[2]))
                continue
            if only := re.match(r"\[(unwind|abort)\] ", line):
                if only[1] != panic:
                    continue
                line = line[only.end() :]
            if not line.startswith("# "):
                self.lines.append(line)

    def missing(self, console):
        """The first line that is not on the console after those before it."""
        lines = iter(console.splitlines())
        for wanted in self.lines:
            pattern = wanted[2:] if wanted.startswith("~ ") else re.escape(wanted)
            if not any(re.fullmatch(pattern, line) for line in lines):
                return wanted
        return None


def boot(name, variant, panic, level):
    def run(place):
        folder = trees.images(place, variant, panic)
        folder = folder / "rootserver" if name == "rootserver" else folder
        expected = Expected(IMAGES / f"{name}.expect", panic)
        ran = place.run([TOP / "tools" / "qemu", "--level", level, "--prefix", trees.prefix(place, variant), folder / f"{name}.boot.elf"], expected.seconds)
        if ran.code != expected.exit:
            raise Failure(f"{ending(ran, expected.seconds)}, not with {expected.exit}{ran.tail()}")
        if missing := expected.missing(ran.output):
            raise Failure(f"not on the console in its place: {missing}{ran.tail()}")

    return Test(f"boot: {name}, {variant} kernel, {panic}, EL{level}", run)


def kernel(place):
    """Debug and release at each level, and the proof that the patches are needed."""
    base = trees.main(place)
    tool = f"{base}/bin/mkimage --loader {base}/below-libc/loader --kernel {{kernel}} --root-task {{task}} --qemu --output {{image}}"
    command = ["python3", "-B", TOP / "tests" / "kernel" / "all", "--image-tool", tool, "--work", place.work / "kernel"]
    return place.counted(command, 1800)


def cargo_sel4(place):
    env = {"SEL4_STD_BUILD": trees.main(place), "CARGO_SEL4": trees.cargo_sel4(place)}
    return place.counted(["python3", "-B", TOP / "tests" / "cargo-sel4" / "run"], 3000, env=env)


def parts(base):
    return {"LOADER": base / "below-libc" / "loader", "MKIMAGE": base / "bin" / "mkimage", "SYSROOT": base / "sysroot"}


def loader(place):
    base = trees.main(place)
    return place.counted(["python3", "-B", TOP / "tests" / "loader" / "run"], 900, env=parts(base))


def programs(place, variant):
    """tests/sel4: what the C library and std promise, checked on the board."""
    base = trees.tree(place, variant)
    env = parts(base) | {"SEL4_PREFIX": trees.prefix(place, variant), "OUT": place.work / f"sel4-{variant}"}
    return place.counted(["python3", "-B", TOP / "tests" / "sel4" / "run"], 2400, env=env)


def rust_suites(place):
    """Rust's own tests of core, alloc and std. The table of the documentation is written only when they alone are asked for."""
    variant = VARIANTS[-1]
    base = trees.tree(place, variant)
    env = parts(base) | {"SEL4_PREFIX": trees.prefix(place, variant)}
    table = TOP / "docs" / "std-support.md" if place.rust_suites else place.build / "std-support.md"
    command = ["python3", "-B", TOP / "tests" / "rust-suites" / "run", "--build", place.build, "--docs", table]
    return place.counted(command, 4200, env=env)


def crates_io(place):
    """The own tests of crates of crates.io: those that were asked for, else the quick ones, without writing the documentation."""
    variant = VARIANTS[-1]
    base = trees.tree(place, variant)
    env = {"SEL4_STD_BUILD": base, "SEL4_SYSROOT": base / "sysroot", "SEL4_LOADER": base / "below-libc" / "loader",
           "SEL4_PREFIX": trees.prefix(place, variant), "CARGO_SEL4": trees.cargo_sel4(place)}
    command = ["python3", "-B", TOP / "tests" / "crates-io" / "run", "--build", place.build, "--jobs", "2"]
    if place.crates is None:
        command += ["--quick", "--docs", place.build / "crates.md"]
    else:
        command += place.crates
    return place.counted(command, 36000 if place.crates is not None else 3000, env=env)
