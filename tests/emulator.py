# SPDX-License-Identifier: BSD-2-Clause
"""QEMU as all tests start it: the DisplayPort's sound has no device, and QEMU is not to look for one on the host."""

import functools
import os
import re
import subprocess

PROGRAM = "qemu-system-aarch64"
# The first version with `-audio none`, and without QEMU_AUDIO_DRV (QEMU's manual, "Removed features").
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
