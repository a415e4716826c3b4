#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots the benchmark image with one nanosecond of guest time per instruction and sets its numbers beside Linux's.

    run.py --image IMAGE --linux FILE.tsv [--markdown FILE] [--seconds N]
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

# Lines that wait for another thread: they are compared with the kernel's own way there and back as well. The factor says how
# many times an operation goes one way.
BARE = "bare_notification_rt"
WAITING = {
    "mutex_handoff": 0.5,
    "condvar_ping_pong_rt": 1,
    "sync_channel0_ping_pong_rt": 1,
    "channel_ping_pong_rt": 1,
    "park_unpark_ping_pong_rt": 1,
    "pipe_ping_pong_1B_rt": 1,
}
# Linux's sleeps hold its 50 microseconds of timer slack, so they are no overhead to compare.
NOT_COMPARED = {"sleep_1ns", "sleep_1ms_overshoot"}


def boot(image, seconds):
    """The console's lines, and the exit status."""
    qemu = Path(__file__).resolve().parent.parent / "tools" / "qemu"
    command = [str(qemu), str(image), "-icount", "shift=0,sleep=off"]
    lines = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        os.set_blocking(process.stdout.fileno(), True)
        for line in process.stdout:
            line = line.rstrip()
            lines.append(line)
            if line.startswith("BENCH "):
                print(f"\r{line.split()[1]:40}", end="", file=sys.stderr, flush=True)
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
        return lines, process.wait(timeout=seconds)


def read_linux(file):
    """Operation to instructions on Linux."""
    rows = (line.rstrip("\n").split("\t") for line in file.read_text().splitlines() if not line.startswith("#"))
    return {row[0]: float(row[1]) for row in rows}


def measured(lines):
    """Operation to instructions, the smaller of the two rounds."""
    rows = (line.split() for line in lines if line.startswith("BENCH "))
    return {row[1]: min(float(row[4]), float(row[5])) for row in rows}


def table(ours, linux):
    """The rows of the table, in the order of the run."""
    yield "| operation | seL4 | Linux | ratio to Linux | ratio to a bare notification |"
    yield "|---|---:|---:|---:|---:|"
    bare = ours.get(BARE)
    for name, value in ours.items():
        peer = linux.get(name)
        ratio = f"{value / peer:.2f}" if peer and name not in NOT_COMPARED else ""
        bound = f"{value / (bare * WAITING[name]):.2f}" if bare and name in WAITING else ""
        number = f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
        yield f"| {name} | {number} | {'' if peer is None else f'{peer:,.1f}' if peer < 1000 else f'{peer:,.0f}'} | {ratio} | {bound} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--linux", type=Path, required=True)
    parser.add_argument("--markdown", type=Path, help="file whose part between the two marker lines the table replaces")
    parser.add_argument("--seconds", type=int, default=900, help="most seconds that QEMU may take to end")
    options = parser.parse_args()
    lines, status = boot(options.image, options.seconds)
    ours = measured(lines)
    if status != 0 or not ours:
        print("\n".join(lines[-20:]))
        print(f"bench: the program ended with status {status}, {len(ours)} operations measured", file=sys.stderr)
        return 1
    rows = list(table(ours, read_linux(options.linux)))
    print("\n".join(rows))
    if options.markdown:
        text = options.markdown.read_text()
        begin, end = "<!-- table: written by ./bench -->\n", "<!-- end of table -->"
        before, rest = text.split(begin)
        after = rest.split(end)[1]
        options.markdown.write_text(before + begin + "\n".join(rows) + "\n" + end + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
