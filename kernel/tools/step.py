# SPDX-License-Identifier: BSD-2-Clause
"""What the steps of the kernel's build have in common: how they end when something is wrong, in one line."""
import errno
import os
import shutil
import sys

NO_SPACE = "no space left in the build folder"


def fail(text):
    """End the step, and with it the build."""
    sys.exit(f"kernel: {text}")


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
