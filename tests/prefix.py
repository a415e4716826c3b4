# SPDX-License-Identifier: BSD-2-Clause
"""What a SEL4_PREFIX says about its kernel."""

import json
import os
from pathlib import Path


def cores(prefix):
    """On how many cores the kernel runs (CONFIG_MAX_NUM_NODES, seL4's KernelMaxNumNodes)."""
    try:
        config = json.loads((Path(prefix) / "libsel4" / "include" / "kernel" / "gen_config.json").read_text())
    except OSError:
        return 1
    return int(config.get("MAX_NUM_NODES", 1))


def qemu_cores(prefix):
    """QEMU's options for them: none for one, QEMU's own choice then.

    QEMU runs each core by a thread of its own. The kernel's cores spin for one lock, and where the host has not a core for each, whoever
    holds it waits for the host's scheduler, tens of milliseconds a time: there the cores run in turn, a few instructions each.
    """
    count = cores(prefix)
    turns = ["-icount", "shift=3,sleep=off"] if len(os.sched_getaffinity(0)) < count else []
    return ["-smp", str(count), *turns] if count > 1 else []
