# SPDX-License-Identifier: BSD-2-Clause
"""QEMU as all tests start it."""

import functools
import os
import re
import subprocess

from prefix import cores

PROGRAM = "qemu-system-aarch64"
# The DisplayPort's sound has no device, and QEMU is not to look for one on the host. The first version with `-audio none`, and without
# QEMU_AUDIO_DRV (QEMU's manual, "Removed features"):
AUDIO_OPTION = (8, 2)


def has_audio_option(said):
    """Whether QEMU is to be told by an option, from what its --version says."""
    found = re.search(r"version (\d+)\.(\d+)", said)
    return found is not None and tuple(map(int, found.groups())) >= AUDIO_OPTION


@functools.cache
def command():
    """The program and the options that every start has."""
    said = subprocess.run([PROGRAM, "--version"], stdout=subprocess.PIPE, text=True).stdout
    return (PROGRAM, "-audio", "none") if has_audio_option(said) else (PROGRAM,)


def environment():
    """The environment it is started in."""
    return {**os.environ, "QEMU_AUDIO_DRV": "none"}


def qemu_cores(prefix):
    """The options for as many cores as a prefix's kernel runs on: none for one, QEMU's own choice then.

    QEMU runs each core by a thread of its own. The kernel's cores spin for one lock, and where the host has not a core for each, whoever
    holds it waits for the host's scheduler, tens of milliseconds a time: there the cores run in turn. A turn lasts until the next timer is
    due, and a core that waits for another spins as long, so there is a network that nothing is connected to, with a filter that has a
    timer of 5 us (docs/kernels.md).
    """
    count = cores(prefix)
    turns = [] if len(os.sched_getaffinity(0)) >= count else ["-icount", "shift=0,sleep=off", "-netdev", "hubport,id=turns,hubid=0",
                                                             "-object", "filter-buffer,id=turn,netdev=turns,interval=5"]
    return ["-smp", str(count), *turns] if count > 1 else []
