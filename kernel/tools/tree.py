#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Make the kernel's source tree: upstream's files, our platform's files on top, then our patches in order.

    tree.py --upstream DIR/seL4 --overlay DIR --patches DIR --out DIR --program patch [--without NAME]

--without leaves one patch out, which is how a test shows that it fails without that patch. DIR is replaced as a whole
at the end, so that a broken run leaves nothing half done.
"""
import argparse
import shutil
import subprocess
from pathlib import Path

import step


def make(args, patches):
    """Replaces DIR by upstream's files, ours, and the patches."""
    new = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(args.upstream, new, ignore=shutil.ignore_patterns("*.pyc", "manual"))
    shutil.copytree(args.overlay, new, dirs_exist_ok=True)
    for path in patches:
        command = [args.program, "--batch", "--forward", "--fuzz=0", "--silent", "-p1", "-i", path.resolve()]
        run = subprocess.run(command, cwd=new, capture_output=True, text=True)
        if run.returncode != 0:
            step.fail(f"kernel/patches/{path.name} does not apply: {' '.join((run.stdout + run.stderr).split())}")
    shutil.rmtree(args.out, ignore_errors=True)
    new.rename(args.out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--overlay", type=Path, required=True)
    parser.add_argument("--patches", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--without", default="")
    args = parser.parse_args()

    patches = sorted(args.patches.glob("*.patch"))
    left_out = [p for p in patches if args.without and args.without in p.name]
    if args.without and len(left_out) != 1:
        step.fail(f"KERNEL_WITHOUT_PATCH={args.without} names {len(left_out)} patches of kernel/patches, "
                  f"it must name one")

    with step.alone(args.out):
        make(args, [path for path in patches if path not in left_out])


if __name__ == "__main__":
    step.run(main)
