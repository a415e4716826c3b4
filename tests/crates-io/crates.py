# SPDX-License-Identifier: BSD-2-Clause
"""The crates: which they are, how cargo fetches and builds them, and which test programs they have."""

import json
import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

# Kinds of cargo's targets, each with the option of `cargo test` that chooses one by its name.
_CHOSEN_BY = {"bin": "--bin", "test": "--test", "example": "--example", "bench": "--bench"}


class Problem(Exception):
    """A crate cannot be fetched or built; the text says why."""


@dataclass(frozen=True)
class Crate:
    """A line of crates.toml."""

    name: str
    version: str
    why: str
    options: tuple = ()
    quick: bool = False


@dataclass(frozen=True)
class Program:
    """A test program of a crate: its unit tests, an integration test, or its doc tests, which rustdoc makes programs of."""

    # `crate:lib`, `crate:doc`, `crate:test.NAME`: what not-run.txt calls it.
    name: str
    # The options of `cargo test` that choose it.
    chosen_by: tuple
    # Whether it takes libtest's arguments; one that does not is a single test.
    libtest: bool = True


@dataclass
class Built:
    """A crate that was compiled."""

    crate: Crate
    folder: Path
    programs: list = field(default_factory=list)


def listed(path):
    """The crates of crates.toml."""
    with path.open("rb") as file:
        return [Crate(**(entry | {"options": tuple(entry.get("options", ()))})) for entry in tomllib.load(file)["crate"]]


class Cargo:
    """`cargo sel4`, the plain cargo beside it, and where both work."""

    def __init__(self, program, rust_bin, work, say, jobs=None):
        self.program, self.rust_bin, self.work, self.say = program, Path(rust_bin), work, say
        self.jobs = ["--jobs", str(jobs)] if jobs else []
        # Crates without a lock file get the newest dependencies that this compiler can build. One target folder: std and
        # what several crates depend on is compiled once.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("CARGO_BUILD_", "RUSTFLAGS"))} | {
            "CARGO_TARGET_DIR": str(work / "target"), "CARGO_TERM_COLOR": "never",
            "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS": "fallback", "PATH": f"{rust_bin}:{os.environ['PATH']}"}
        for name in ("RUSTUP_TOOLCHAIN", "RUSTC", "RUSTC_BOOTSTRAP", "CARGO"):
            self.environment.pop(name, None)

    def _plain(self, *arguments):
        ran = subprocess.run([self.rust_bin / "cargo", *arguments], env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if ran.returncode:
            raise Problem(ran.stderr.strip() or f"cargo {arguments[0]} ended with {ran.returncode}")
        return ran.stdout

    def fetch(self, crate):
        """A copy of the crate as crates.io has it, in a folder of its own; cargo downloads it by name and checks its sum."""
        folder = self.work / "src" / f"{crate.name}-{crate.version}"
        if (folder / "Cargo.toml").is_file():
            return folder
        asking = self.work / "fetch" / crate.name
        (asking / "src").mkdir(parents=True, exist_ok=True)
        (asking / "src" / "lib.rs").write_text("")
        (asking / "Cargo.toml").write_text(
            '[workspace]\n[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n\n'
            f'[dependencies]\n"{crate.name}" = {{ version = "={crate.version}", default-features = false }}\n')
        known = json.loads(self._plain("metadata", "--format-version", "1", "--manifest-path", asking / "Cargo.toml"))
        found = [Path(package["manifest_path"]) for package in known["packages"]
                 if (package["name"], package["version"]) == (crate.name, crate.version)]
        if len(found) != 1:
            raise Problem(f"cargo found {len(found)} packages {crate.name} {crate.version}")
        new = folder.with_name(folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(found[0].parent, new, ignore=shutil.ignore_patterns(".cargo-ok", ".cargo-checksum.json"))
        new.rename(folder)
        return folder

    def build(self, crate, log, seconds):
        """Compiles all test programs of a crate for seL4 and says which there are."""
        folder = self.fetch(crate)
        command = self.command("test", "--no-run", "--message-format=json-render-diagnostics", *self.jobs, *crate.options)
        with log.open("w") as output:
            try:
                ran = subprocess.run(command, cwd=folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=output, text=True, timeout=seconds)
            except subprocess.TimeoutExpired:
                raise Problem(f"not compiled within {seconds} s; see {log}") from None
        if ran.returncode:
            last = "\n".join(log.read_text().splitlines()[-40:])
            raise Problem(f"not compiled: cargo sel4 ended with {ran.returncode}\n{last}")
        return Built(crate, folder, self._programs(crate, folder, ran.stdout))

    def _programs(self, crate, folder, messages):
        without_harness = self._without_harness(folder)
        found = []
        for line in messages.splitlines():
            message = json.loads(line) if line.startswith("{") else {}
            if message.get("reason") != "compiler-artifact" or not message["profile"]["test"] or not message["executable"]:
                continue
            target = message["target"]
            kind, name = target["kind"][0], target["name"]
            if kind in _CHOSEN_BY:
                found.append(Program(f"{crate.name}:{kind}.{name}", (_CHOSEN_BY[kind], name), (kind, name) not in without_harness))
            else:  # lib, rlib, proc-macro, ...
                found.append(Program(f"{crate.name}:lib", ("--lib",), ("lib", name) not in without_harness))
        (package,) = json.loads(self._plain("metadata", "--no-deps", "--format-version", "1", "--manifest-path", folder / "Cargo.toml"))["packages"]
        if any(target["doctest"] and not set(target["kind"]) & set(_CHOSEN_BY) for target in package["targets"]):
            found.append(Program(f"{crate.name}:doc", ("--doc",)))
        return sorted(found, key=lambda program: (program.name.endswith(":doc"), not program.name.endswith(":lib"), program.name))

    @staticmethod
    def _without_harness(folder):
        """What the manifest says is no libtest program, as (kind, name)."""
        with (folder / "Cargo.toml").open("rb") as file:
            manifest = tomllib.load(file)
        targets = [(kind, target) for kind in _CHOSEN_BY for target in manifest.get(kind, ())]
        targets += [("lib", {"name": manifest["package"]["name"].replace("-", "_")} | manifest.get("lib", {}))]
        return {(kind, target["name"]) for kind, target in targets if not target.get("harness", True)}

    def command(self, action, *options):
        return [str(self.program), "sel4", action, *map(str, options)]
