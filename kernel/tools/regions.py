#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write a platform's memory map in the three forms in which it is needed.

    regions.py --platform platform/zynqmp.json --header plat/machine/regions_gen.h --support DIR

The header is the kernel's. DIR gets platform_gen.json and platform_gen.yaml as current seL4 installs them: under
"memory" and "devices" lists of {start, end}, physical addresses.
"""
import argparse
import json
from pathlib import Path

import step


def read(path):
    """The two lists of (name, start, end), checked against each other."""
    data = json.loads(path.read_text())
    memory = [(r["name"], int(r["start"], 16), int(r["end"], 16)) for r in data["memory"]]
    devices = [(r["name"], int(r["start"], 16), int(r["start"], 16) + int(r["size"], 16)) for r in data["devices"]]
    for regions in (memory, devices):
        if regions != sorted(regions, key=lambda r: r[1]):
            step.fail(f"{path}: regions are not in ascending order")
    every = sorted(memory + devices, key=lambda r: r[1])
    for (a, _, a_end), (b, b_start, _) in zip(every, every[1:]):
        if b_start < a_end:
            step.fail(f"{path}: {a} and {b} overlap")
    for name, start, end in devices:
        size = end - start
        if size & (size - 1) or size < 4096 or start % size:
            step.fail(f"{path}: device {name} is not a power of two of at least a page, aligned to itself")
    return memory, devices


def header(memory, devices):
    lines = ["/* generated from kernel/platform/ by kernel/tools/regions.py */"]
    for array, regions in (("avail_p_regs", memory), ("dev_p_regs", devices)):
        lines.append(f"static const p_region_t BOOT_RODATA {array}[] = {{")
        lines += [f"    {{ .start = {start:#x}, .end = {end:#x} }}, /* {name} */" for name, start, end in regions]
        lines.append("};")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", type=Path, required=True)
    parser.add_argument("--header", type=Path, required=True)
    parser.add_argument("--support", type=Path, required=True)
    args = parser.parse_args()
    memory, devices = read(args.platform)

    args.header.parent.mkdir(parents=True, exist_ok=True)
    args.header.write_text(header(memory, devices))
    args.support.mkdir(parents=True, exist_ok=True)
    lists = {"devices": devices, "memory": memory}
    (args.support / "platform_gen.json").write_text(json.dumps(
        {key: [{"start": start, "end": end} for _, start, end in regions] for key, regions in lists.items()}))
    (args.support / "platform_gen.yaml").write_text("".join(
        f"{key}:\n" + "".join(f"- end: {end:#x}\n  start: {start:#x}\n" for _, start, end in regions)
        for key, regions in lists.items()))


if __name__ == "__main__":
    step.run(main)
