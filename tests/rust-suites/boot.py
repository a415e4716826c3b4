# SPDX-License-Identifier: BSD-2-Clause
"""Boots a test program on QEMU's ZCU102 and reads its console, bounded in time."""

import os
import selectors
import subprocess
import time
from pathlib import Path

import emulator
from libtest import Console

MEMORY_MIB = 4096
# For a boot up to the first test, on a machine that does much else.
START_SECONDS = 30


class Ended:
    """How a boot ended: `code` is the program's exit code, or None when it was stopped; `why` then says why."""

    def __init__(self, code, why, text):
        self.code, self.why, self.text = code, why, text


class Board:
    """What is needed to boot: mkimage, the loader, the kernel."""

    def __init__(self, mkimage, loader, kernel, work):
        self.mkimage, self.loader, self.kernel, self.work = mkimage, loader, kernel, work

    def boot(self, program, arguments, seconds, quiet_seconds, console=None, environment=(), log=None, tick=None):
        """Boots `program` with `arguments`. It is stopped after `seconds`, or when `console` has heard of no test for
        `quiet_seconds`. What it prints goes to `console` and to the file `log`; `tick` is called about every second."""
        image = self.work / "boot.elf"
        command = [self.mkimage, "--loader", self.loader, "--kernel", self.kernel, "--root-task", program, "--qemu", "-o", image]
        command += [f"--arg={argument}" for argument in arguments] + [f"--env={variable}" for variable in environment]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        console = console or Console()
        qemu = [*emulator.command(), "-machine", "xlnx-zcu102", "-m", f"{MEMORY_MIB}M", "-nographic", "-kernel", str(image),
                "-semihosting-config", "enable=on,target=native,userspace=on"]
        qemu += emulator.qemu_cores(Path(self.kernel).parent.parent)
        process = subprocess.Popen(qemu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=emulator.environment())
        try:
            return self._follow(process, console, seconds, quiet_seconds, log, tick)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()

    @staticmethod
    def _follow(process, console, seconds, quiet_seconds, log, tick):
        begun = heard = time.monotonic()
        progress, text = 0, []
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                piece = os.read(process.stdout.fileno(), 65536) if selector.select(1) else None
                now = time.monotonic()
                if piece:
                    piece = piece.decode("utf-8", "replace").replace("\r", "")
                    text.append(piece)
                    if log:
                        log.write(piece)
                        log.flush()
                    console.feed(piece)
                elif piece is not None:
                    console.close()
                    return Ended(process.wait(), "", "".join(text))
                if console.progress != progress:
                    progress, heard = console.progress, now
                if tick:
                    tick()
                limit = quiet_seconds if progress else max(quiet_seconds, START_SECONDS)
                if now - heard > limit:
                    return Ended(None, f"nothing reported for {limit:g} s", "".join(text))
                if now - begun > seconds:
                    return Ended(None, f"stopped after {seconds:.0f} s", "".join(text))
