#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetch seL4's source with cargo and check every byte of it.

    fetch.py --manifest source/Cargo.toml --digest source/seL4.sha256 --out DIR CARGO [CARGO ...]

cargo checks the package against Cargo.lock when it downloads it. The digest file is a second check, of what was
unpacked: a damaged or edited cargo cache is found here and not as a kernel that misbehaves. The first CARGO that works
is used (rustup's, then Debian's). DIR is replaced as a whole at the end, so that a broken run leaves nothing half done.
"""
import argparse
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import step

PACKAGE = "sel4-sys"
# cargo writes these anew when it vendors a package, each version in its own way.
MANIFESTS = ("Cargo.toml", "Cargo.toml.orig", "Cargo.lock")


def digest(tree):
    """SHA-256 over the names and contents of all files but cargo's own and the hidden ones, which it may leave out."""
    total = hashlib.sha256()
    for path in sorted(p for p in tree.rglob("*") if p.is_file()):
        name = path.relative_to(tree)
        if any(part.startswith(".") for part in name.parts) or name.name in MANIFESTS:
            continue
        total.update(f"{name.as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def working_cargo(candidates):
    """The first of the candidates that runs; rustup's cargo may be installed without a toolchain behind it."""
    said = ""
    for cargo in candidates:
        try:
            probe = subprocess.run([cargo, "--version"], capture_output=True, text=True)
        except OSError as error:
            said = str(error)
            continue
        if probe.returncode == 0:
            return cargo
        said = probe.stderr.strip().splitlines()[-1] if probe.stderr.strip() else f"exit code {probe.returncode}"
    step.fail(f"no cargo works ({said or 'none found'}): install Debian's package cargo or rustup, or set KERNEL_CARGO")


def explain(said):
    """cargo's own message as one line, with what mends it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    low = said.lower()
    if "no space left" in low:
        return step.NO_SPACE
    if "checksum" in low:
        return ("the checksum of the package does not match kernel/source/Cargo.lock: "
                "restore that file, or clear cargo's registry cache")
    if "--locked was passed" in low:
        return "kernel/source/Cargo.lock does not fit its Cargo.toml: restore both"
    if any(word in low for word in ("resolve host", "network", "spurious", "timed out", "connect", "offline")):
        return f"the package registry cannot be reached ({lines[-1]}): check the network, or cargo's source settings"
    return f"cargo vendor failed: {' | '.join(lines[-4:])}"


def fetch(cargo, args):
    """Replaces DIR by the checked source."""
    new = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    # From the manifest's folder, so that rustup finds the toolchain that this tree pins.
    run = subprocess.run(
        [cargo, "vendor", "--locked", "--manifest-path", args.manifest.name, os.path.abspath(new)],
        cwd=args.manifest.resolve().parent, capture_output=True, text=True)
    if run.returncode != 0:
        step.fail(explain(run.stderr))
    package = new / PACKAGE
    if not (package / "seL4" / "VERSION").is_file():
        step.fail(f"cargo vendor gave no {PACKAGE}/seL4: cargo's settings replace the registry by something else")
    found, wanted = digest(package), args.digest.read_text().split()[0]
    if found != wanted:
        step.fail(f"the unpacked source of {PACKAGE} was changed (digest {found[:16]}..., expected {wanted[:16]}...): "
             f"remove its folder from cargo's registry cache")
    shutil.rmtree(args.out, ignore_errors=True)
    new.rename(args.out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("cargo", nargs="+")
    args = parser.parse_args()

    cargo = working_cargo(args.cargo)
    with step.alone(args.out):
        fetch(cargo, args)


if __name__ == "__main__":
    step.run(main)
