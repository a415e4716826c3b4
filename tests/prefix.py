# SPDX-License-Identifier: BSD-2-Clause
"""What a SEL4_PREFIX says about its kernel."""

import json
from pathlib import Path


def cores(prefix):
    """On how many cores the kernel runs (CONFIG_MAX_NUM_NODES, seL4's KernelMaxNumNodes)."""
    try:
        config = json.loads((Path(prefix) / "libsel4" / "include" / "kernel" / "gen_config.json").read_text())
    except OSError:
        return 1
    return int(config.get("MAX_NUM_NODES", 1))
