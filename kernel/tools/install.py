#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Put a built kernel and its user level headers into a prefix of the shape that current seL4's install step writes.

    install.py --kernel kernel.elf --tree SOURCE_TREE --generated DIR --support DIR --prefix DIR

A file that is already there with the same content keeps its time, so that nothing that depends on one header is built
again because of another. What the prefix has and should not have is removed.
"""
import argparse
from pathlib import Path

import step

# libsel4's folders of headers that are one include folder when installed.
HEADERS = ("include", "arch_include/arm", "sel4_arch_include/aarch64", "sel4_plat_include/zynqmp")
SUFFIXES = (".h", ".json", ".xsd")


def wanted(path):
    return path.suffix in SUFFIXES or path.name == "syscall.xml" or path.name.startswith("object-api")


def contents(args):
    """Every file of the prefix: relative path to the file it is a copy of. Generated headers win."""
    files = {"bin/kernel.elf": args.kernel}
    for folder in [args.tree / "libsel4" / name for name in HEADERS] + [args.generated]:
        for path in folder.rglob("*"):
            if path.is_file() and wanted(path):
                files[f"libsel4/include/{path.relative_to(folder).as_posix()}"] = path
    for name in ("platform_gen.json", "platform_gen.yaml"):
        files[f"support/{name}"] = args.support / name
    return files


def install(args):
    """Makes the prefix what it should be."""
    files = contents(args)
    if args.prefix.is_dir():
        for path in args.prefix.rglob("*"):
            if path.is_file() and path.relative_to(args.prefix).as_posix() not in files:
                path.unlink()
    for name, source in files.items():
        target, new = args.prefix / name, source.read_bytes()
        if target.is_file() and target.read_bytes() == new:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(new)


def main():
    parser = argparse.ArgumentParser()
    for name in ("kernel", "tree", "generated", "support", "prefix"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()

    with step.alone(args.prefix):
        install(args)


if __name__ == "__main__":
    step.run(main)
