#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the kernel's configuration in the forms that current seL4 installs.

    config.py --variant debug|release --timer-hz N --out DIR

Makes, in DIR, kernel/gen_config.{h,json}, sel4/gen_config.{h,json} and autoconf.h, which includes both headers: what
5.0.0's own headers include. Values are booleans or strings, as in current seL4; names are current seL4's where it has
the option. What 5.0.0 cannot do is there as false, so that a reader need not know the version.
"""
import argparse
import json
from pathlib import Path

import step

# Booleans of current seL4 that 5.0.0 on this platform answers with "no".
ABSENT = """ARM_HYPERVISOR_SUPPORT KERNEL_MCS ENABLE_SMP_SUPPORT ARM_SMMU TK1_SMMU ARM_GIC_V3_SUPPORT
HARDWARE_DEBUG_API VERIFICATION_BUILD BINARY_VERIFICATION_BUILD DANGEROUS_CODE_INJECTION
KERNEL_INVOCATION_REPORT_ERROR_IPC SET_TLS_BASE_SELF SIGNAL_FASTPATH ARM_TLS_REG_TPIDRURO ALLOW_SMC_CALLS
ENABLE_BENCHMARKS BENCHMARK_TRACK_KERNEL_ENTRIES BENCHMARK_TRACK_UTILISATION BENCHMARK_TRACEPOINTS COLOUR_PRINTING
EXPORT_PMU_USER EXPORT_VTMR_USER ARCH_ARM_HYP ARCH_AARCH32 SEL4_ARCH_AARCH32 SEL4_ARCH_ARM_HYP""".split()


def kernel(variant, timer_hz):
    debug = variant == "debug"
    return {
        # What the kernel runs on.
        "ARCH": "arm",
        "ARCH_ARM": True,
        "ARCH_AARCH64": True,
        "ARCH_ARM_V8A": True,
        "SEL4_ARCH": "aarch64",
        "SEL4_ARCH_AARCH64": True,
        "WORD_SIZE": "64",
        "PLAT": "zynqmp",
        "PLAT_ZYNQMP": True,
        "ARM_PLAT": "zcu102",
        "PLAT_ZYNQMP_ZCU102": True,
        "ARM_MACH": "zynq",
        "ARM_CORTEX_A53": True,
        "ARM_PA_SIZE_BITS_40": True,
        "L1_CACHE_LINE_SIZE_BITS": "6",
        "MAX_NUM_NODES": "1",
        "TIMER_FREQUENCY": f"{timer_hz}",

        # The user's TPIDR_EL0 is saved and restored. The other choice of 5.0.0, IPC_BUF_TPIDRURW, keeps the address of
        # the IPC buffer there, and a C library could have no thread pointer.
        "IPC_BUF_GLOBALS_FRAME": True,
        "ARM_TLS_REG": "tpidru",
        "ARM_TLS_REG_TPIDRU": True,

        # FPU registers are switched when the next thread uses them; after 64 switches in which nobody else did, the
        # FPU is put to rest.
        "HAVE_FPU": True,
        "FPU_MAX_RESTORES_SINCE_SWITCH": "64",

        # Scheduling: 256 priorities, one domain, a time slice of 5 ticks of 2 ms.
        "NUM_PRIORITIES": "256",
        "NUM_DOMAINS": "1",
        "TIMER_TICK_MS": "2",
        "TIME_SLICE": "5",
        "FASTPATH": True,

        # 5.0.0 leaves CNTKCTL_EL1 as the loader set it; crates/loader lets user level read both counters and drive the
        # physical timer.
        "EXPORT_PCNT_USER": True,
        "EXPORT_VCNT_USER": True,
        "EXPORT_PTMR_USER": True,

        # Sizes and limits. BootInfo's page has room for (4096 - 169) / 12 untypeds.
        "ROOT_CNODE_SIZE_BITS": "16",
        "MAX_NUM_BOOTINFO_UNTYPED_CAPS": "327",
        "RETYPE_FAN_OUT_LIMIT": "256",
        "MAX_NUM_WORK_UNITS_PER_PREEMPTION": "100",
        "KERNEL_STACK_BITS": "12",
        "MAX_NUM_TRACE_POINTS": "0",
        "KERNEL_MASTER": True,

        # An untyped is zeroed in chunks of 4 KiB; after each the kernel may stop for an interrupt, and looks for one
        # after MAX_NUM_WORK_UNITS_PER_PREEMPTION of them. Smaller chunks cost more than the zeroing itself.
        "RESET_CHUNK_BITS": "12",

        # What a debug kernel has in addition: checks, messages on UART 0, the debug system calls.
        "DEBUG_BUILD": debug,
        "PRINTING": debug,
        "IRQ_REPORTING": debug,
        "USER_STACK_TRACE_LENGTH": "16" if debug else "0",
        **{name: False for name in ABSENT},
    }


# libsel4: invocations are inline functions, __sel4_ipc_buffer is a thread-local variable.
LIBSEL4 = {
    "LIB_SEL4_FUNCTION_ATTRIBUTE": "inline",
    "LIB_SEL4_INLINE_INVOCATIONS": True,
    "LIB_SEL4_DEFAULT_FUNCTION_ATTRIBUTES": False,
    "LIB_SEL4_PUBLIC_SYMBOLS": False,
    "LIB_SEL4_STUBS_USE_IPC_BUFFER_ONLY": False,
    "LIB_SEL4_PRINT_INVOCATION_ERRORS": "0",
    "LIB_SEL4_USE_THREAD_LOCALS": True,
}

AUTOCONF = """#pragma once

#ifndef HAVE_AUTOCONF
#define HAVE_AUTOCONF 1
#endif
#include <kernel/gen_config.h>
#include <sel4/gen_config.h>
"""


def header(options):
    lines = ["#pragma once", ""]
    for name, value in options.items():
        if value is False:
            lines.append(f"/* disabled: CONFIG_{name} */")
        else:
            lines.append(f"#define CONFIG_{name}  {1 if value is True else value}")
    return "\n".join(lines) + "\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", choices=("debug", "release"), required=True)
    parser.add_argument("--timer-hz", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    for folder, options in (("kernel", kernel(args.variant, args.timer_hz)), ("sel4", LIBSEL4)):
        write(args.out / folder / "gen_config.h", header(options))
        write(args.out / folder / "gen_config.json", json.dumps(options, indent=4))
    write(args.out / "autoconf.h", AUTOCONF)


if __name__ == "__main__":
    step.run(main)
