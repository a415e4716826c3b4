# SPDX-License-Identifier: BSD-2-Clause
"""What the steps of the kernel's build have in common: how they end when something is wrong, in one line."""
import contextlib
import errno
import fcntl
import os
import shutil
import sys

NO_SPACE = "no space left in the build folder"


def fail(text):
    """End the step, and with it the build."""
    sys.exit(f"kernel: {text}")


@contextlib.contextmanager
def alone(out):
    """Only one process at a time makes `out`. When ninja alone is killed, the step that it had started goes on, and may still be
    at work when the next ninja starts the step again."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_name(out.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(main):
    """Call main; what the operating system refuses is told in one line and not as a traceback."""
    try:
        main()
    except shutil.Error as error:
        # copytree's: a list of (source, target, reason), of which the first tells enough
        reason = error.args[0][0][2]
        fail(NO_SPACE if os.strerror(errno.ENOSPC) in reason else reason)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fail(NO_SPACE)
        fail(f"{error.strerror or error} ({error.filename})")
