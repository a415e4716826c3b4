# SPDX-License-Identifier: BSD-2-Clause
"""Compiles Rust's own tests for seL4 from the toolchain's rust-src, unmodified, and links them against the sysroot.

Three steps, each left out when nothing changed that it depends on:

1. std and the test harness are compiled in a copy of rust-src's workspace `library`, since cargo writes beside a workspace
   and the toolchain's folder may be read-only. They become a rustc sysroot: std's own tests need a finished std beside the
   one they are compiled into, so cargo's build-std cannot do it.
2. The tests are compiled, each to one relocatable object (partial-link says why).
3. Each object is linked against the sysroot: again whenever the C library or muslcsys changed, which takes a second.

Optimisation level 1 without debug information: the fastest way to a result, and assertions on overflow stay off, as in the
released std.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = "aarch64-sel4-musl"
# What a std for a Unix system with backtraces has (library/sysroot's default features without profiling).
STD_FEATURES = "panic-unwind,backtrace"
PROFILE = {"OPT_LEVEL": "1", "DEBUG": "0", "CODEGEN_UNITS": "16", "INCREMENTAL": "false"}


class BuildFailed(Exception):
    """A step failed; the text says which, and what cargo or the linker printed stands above it."""


def digest(*paths):
    """A name for the contents of files and folders, by their bytes."""
    state = hashlib.sha256()
    for path in map(Path, paths):
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            state.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
            state.update(file.read_bytes())
    return state.hexdigest()


class Builder:
    """Builds in the folder `work`, with cargo and rustc in `rust_bin`, std's source in `rust_src`, for `sysroot`."""

    def __init__(self, work, rust_bin, rust_src, sysroot, say, jobs=None):
        self.work, self.rust_src, self.sysroot, self.say, self.jobs = work, Path(rust_src), Path(sysroot), say, jobs
        self.cargo, self.rustc = Path(rust_bin) / "cargo", Path(rust_bin) / "rustc"
        self.library, self.rust = work / "library", work / "rust-sysroot"
        self.target_file = self.sysroot / "targets" / f"{TARGET}.json"

    def compile(self, programs):
        """Steps 1 and 2. Gives the object of each of `programs`, which are pairs of package and test target."""
        stamp, key = self.work / "objects.json", self._key(programs)
        try:
            known = json.loads(stamp.read_text())
            if known["key"] == key and all(Path(file).is_file() for file in known["objects"].values()):
                return self._objects(known["objects"])
        except (OSError, ValueError, KeyError):
            pass
        stamp.unlink(missing_ok=True)
        self._copy_source()
        self.say("std and the test harness are compiled (2 minutes on two cores)")
        self._make_rust_sysroot()
        objects = {}
        for package in dict.fromkeys(package for package, _ in programs):
            self.say(f"the tests of {package} are compiled")
            targets = [target for other, target in programs if other == package]
            objects.update(self._compile_tests(package, targets))
        for package, target in programs:
            if f"{package} {target}" not in objects:
                raise BuildFailed(f"cargo made no test program {target} of {package}")
        stamp.write_text(json.dumps({"key": key, "objects": objects}, indent=1))
        return self._objects(objects)

    def link(self, object_file):
        """Step 3. Gives the program."""
        program = self.work / "programs" / (object_file.name + ".elf")
        key = self._sysroot_key() + f" {object_file.stat().st_mtime_ns}"
        stamp = program.with_suffix(".key")
        if program.is_file() and stamp.is_file() and stamp.read_text() == key:
            return program
        program.parent.mkdir(exist_ok=True)
        stamp.unlink(missing_ok=True)
        self._run([self.sysroot / "bin" / f"{TARGET}-gcc", object_file, "-Wl,--strip-debug", "-o", program], f"linking {program.name}")
        stamp.write_text(key)
        return program

    def unknown_programs(self, known):
        """Test programs of std that `known` does not name: a newer toolchain may bring some."""
        tests = self.rust_src / "std" / "tests"
        found = {path.stem for path in tests.glob("*.rs")} | {path.parent.name for path in tests.glob("*/lib.rs")}
        same = {name.replace("-", "_") for name in known}
        return sorted(name for name in found if name.replace("-", "_") not in same)

    def version(self):
        return self._output([self.rustc, "-vV"])

    def _key(self, programs):
        state = hashlib.sha256(self.version().encode())
        state.update(digest(self.target_file, HERE / "partial-link", Path(__file__)).encode())
        state.update(repr((sorted(programs), str(self.rust_src), self._source_key())).encode())
        return state.hexdigest()

    def _source_key(self):
        """The source by its files' sizes and times: it is 80 MB, and a toolchain is not edited in place."""
        state = hashlib.sha256()
        for file in sorted(self.rust_src.rglob("*.rs")):
            stat = file.stat()
            state.update(f"{file} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return state.hexdigest()

    def _sysroot_key(self):
        if not hasattr(self, "_sysroot_digest"):
            self._sysroot_digest = digest(self.sysroot / "lib", self.sysroot / "bin")
        return self._sysroot_digest

    def _objects(self, table):
        return {tuple(name.split(" ")): Path(file) for name, file in table.items()}

    def _copy_source(self):
        stamp, key = self.work / "library.key", f"{self.rust_src} {self._source_key()}"
        if stamp.is_file() and stamp.read_text() == key:
            return
        stamp.unlink(missing_ok=True)
        shutil.rmtree(self.library, ignore_errors=True)
        shutil.copytree(self.rust_src, self.library)
        stamp.write_text(key)

    def _make_rust_sysroot(self):
        folder = self.rust / "lib" / "rustlib" / TARGET / "lib"
        folder.mkdir(parents=True, exist_ok=True)
        artifacts = self._cargo(["build", "-p", "sysroot", "--features", STD_FEATURES], "std")
        for old in folder.iterdir():
            old.unlink()
        for artifact in artifacts:
            for file in map(Path, artifact["filenames"]):
                # Those for the host are build scripts' and macros': they stand in no folder of the target's.
                if file.suffix == ".rlib" and TARGET in file.parts:
                    shutil.copy2(file, folder)

    def _compile_tests(self, package, targets):
        arguments = ["test", "--no-run", "-p", package]
        for target in targets:
            arguments += ["--lib"] if target == "lib" else ["--test", target]
        if package == "std":
            arguments += ["--features", STD_FEATURES]
        objects = {}
        for artifact in self._cargo(arguments, f"the tests of {package}"):
            kinds, name = artifact["target"]["kind"], artifact["target"]["name"]
            if artifact.get("executable") and artifact["profile"]["test"]:
                objects[f"{package} {name if kinds == ['test'] else 'lib'}"] = artifact["executable"]
        return objects

    def _cargo(self, arguments, what):
        """Runs cargo in the copy; gives its artifact messages. What it compiles is shown as it shows it."""
        # Settings that somebody made for other builds stay out; CARGO_HOME and those for the network are needed.
        foreign = ("CARGO_TARGET", "CARGO_BUILD", "CARGO_PROFILE", "CARGO_ENCODED", "RUSTFLAGS", "RUSTUP_TOOLCHAIN")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        ours = "CARGO_TARGET_" + TARGET.upper().replace("-", "_")
        environment.update({f"CARGO_PROFILE_RELEASE_{name}": value for name, value in PROFILE.items()})
        environment.update({
            "PATH": f"{self.rustc.parent}:{os.environ['PATH']}", "RUSTC": str(self.rustc),
            "CARGO_TARGET_DIR": str(self.work / "target"),
            f"{ours}_LINKER": str(HERE / "partial-link"),
            # The library uses unstable features of its own compiler; its crates are unstable unless marked otherwise, and the
            # two std in a test program need names that differ: all three as Rust's own build does it.
            "RUSTC_BOOTSTRAP": "1", "__CARGO_DEFAULT_LIB_METADATA": "sel4std",
            f"{ours}_RUSTFLAGS": f"--sysroot={self.rust} -Zforce-unstable-if-unmarked -Cpanic=unwind",
        })
        command = [self.cargo, *arguments, "--release", "--target", self.target_file, "-Zjson-target-spec",
                   "--message-format", "json-render-diagnostics"]
        if (self.library / "Cargo.lock").is_file():
            command.append("--locked")
        if self.jobs:
            command += ["-j", str(self.jobs)]
        text = self._run(command, what, stdout=subprocess.PIPE, cwd=self.library, env=environment, text=True)
        messages = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [message for message in messages if message.get("reason") == "compiler-artifact"]

    @staticmethod
    def _run(command, what, **options):
        done = subprocess.run(list(map(str, command)), **options)
        if done.returncode:
            raise BuildFailed(f"{what}: {Path(command[0]).name} ended with exit code {done.returncode}")
        return done.stdout

    def _output(self, command):
        return self._run(command, "rustc", stdout=subprocess.PIPE, text=True)
