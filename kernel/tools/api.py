#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Generate the numbers of system calls and invocations from seL4's interface XML, for the kernel and for libsel4.

    api.py --tree SOURCE_TREE --kernel DIR --libsel4 DIR

Stands in for syscall_header_gen.py and invocation_header_gen.py of seL4 5.0.0, which need the package tempita, and
runs syscall_stub_gen.py of the same tree for the invocations' stub functions. Kernel and libsel4 get their numbers
from one list, so that they cannot disagree.
"""
import argparse
import re
import subprocess
import sys
import xml.dom.minidom
from pathlib import Path

import step

# The three descriptions of objects, in the order in which their invocations are numbered, and the names under which
# current seL4 installs them.
INTERFACES = (
    ("libsel4/include/interfaces/sel4.xml", "object-api.xml"),
    ("libsel4/sel4_arch_include/aarch64/interfaces/sel4arch.xml", "object-api-sel4-arch.xml"),
    ("libsel4/arch_include/arm/interfaces/sel4arch.xml", "object-api-arch.xml"),
)
SYSCALLS = "libsel4/include/api/syscall.xml"
LICENSE = """/* SPDX-License-Identifier: BSD-2-Clause */
/* generated from seL4's interface XML by kernel/tools/api.py */
"""


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LICENSE + text)


def guarded(condition, lines):
    return [f"#if {condition}", *lines, "#endif"] if condition else lines


# ---- system calls ----

def syscalls(tree, section):
    """[(condition, [name, ...]), ...] of the section api or debug."""
    document = xml.dom.minidom.parse(str(tree / SYSCALLS))
    (element,) = document.getElementsByTagName(section)
    return [(config.getAttribute("condition"), [s.getAttribute("name") for s in config.getElementsByTagName("syscall")])
            for config in element.getElementsByTagName("config")]


def numbered(groups, prefix):
    """Enumerators from -1 downwards. Numbers go on over a group that is left out, as the kernel's do."""
    lines, number = [], -1
    for condition, names in groups:
        lines += guarded(condition, [f"    {prefix}{name} = {number - i}," for i, name in enumerate(names)])
        number -= len(names)
    return lines


def kernel_syscalls(tree):
    api, debug = syscalls(tree, "api"), syscalls(tree, "debug")
    names = [name for _, group in api for name in group]
    upper = ["_".join(re.findall("[A-Z][A-Z]?[^A-Z]*", name)).upper() for name in names]
    return "\n".join([
        "#ifndef ARCH_API_SYSCALL_H", "#define ARCH_API_SYSCALL_H",
        "#ifdef __ASSEMBLER__", *(f"#define SYSCALL_{name} ({-1 - i})" for i, name in enumerate(upper)), "#endif",
        "#define SYSCALL_MAX (-1)", f"#define SYSCALL_MIN ({-len(names)})",
        "#ifndef __ASSEMBLER__", "enum syscall {", *numbered(api + debug, "Sys"), "};", "typedef word_t syscall_t;",
        "#ifdef CONFIG_DEBUG_BUILD", "static char *syscall_names[] UNUSED = {",
        *(f'    [{i + 1}] = "{name}",' for i, name in enumerate(names)), "};", "#endif",
        "#endif", "#endif", ""])


def libsel4_syscalls(tree):
    return "\n".join([
        "#pragma once", "#include <autoconf.h>", "#include <sel4/macros.h>", "typedef enum {",
        *numbered(syscalls(tree, "api") + syscalls(tree, "debug"), "seL4_Sys"),
        "    SEL4_FORCE_LONG_ENUM(seL4_Syscall_ID)", "} seL4_Syscall_ID;", ""])


# ---- invocations ----

def labels(tree, source):
    document = xml.dom.minidom.parse(str(tree / source))
    return [(m.getAttribute("id"), m.getAttribute("condition")) for m in document.getElementsByTagName("method")]


def invocations(enum, first, methods, last, before=(), after=()):
    """One enum of labels. It goes on where the enum before it ended (first), or begins with InvalidInvocation."""
    lines = [] if first else ["    InvalidInvocation,"]
    for i, (name, condition) in enumerate(methods):
        if i == 0 and first and condition:
            step.fail(f"{name} is the first label of its enum and must not be conditional")
        start = f" = {first}" if i == 0 and first else ""
        lines += guarded(condition, [f"    {name}{start},"])
    return "\n".join(["#pragma once", *before, f"enum {enum} {{", *lines, f"    {last}", "};", *after, ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--libsel4", type=Path, required=True)
    args = parser.parse_args()
    tree, kernel, libsel4 = args.tree, args.kernel, args.libsel4

    put(kernel / "arch/api/syscall.h", kernel_syscalls(tree))
    put(libsel4 / "sel4/syscall.h", libsel4_syscalls(tree))

    generic, sel4_arch, arch = (labels(tree, source) for source, _ in INTERFACES)
    generic = ("invocation_label", None, generic, "nInvocationLabels")
    sel4_arch = ("sel4_arch_invocation_label", "nInvocationLabels", sel4_arch, "nSeL4ArchInvocationLabels")
    arch = ("arch_invocation_label", "nSeL4ArchInvocationLabels", arch, "nArchInvocationLabels")
    put(kernel / "api/invocation.h", invocations(*generic))
    put(kernel / "arch/api/sel4_invocation.h", invocations(*sel4_arch, before=["#include <api/invocation.h>"]))
    put(kernel / "arch/api/invocation.h", invocations(*arch, before=["#include <arch/api/sel4_invocation.h>"]))
    put(libsel4 / "sel4/invocation.h", invocations(
        *generic, before=["#include <autoconf.h>"],
        after=["#include <sel4/sel4_arch/invocation.h>", "#include <sel4/arch/invocation.h>"]))
    put(libsel4 / "sel4/sel4_arch/invocation.h", invocations(*sel4_arch, before=["#include <autoconf.h>"]))
    put(libsel4 / "sel4/arch/invocation.h", invocations(*arch, before=["#include <autoconf.h>"]))

    interfaces = libsel4 / "interfaces"
    interfaces.mkdir(parents=True, exist_ok=True)
    for source, name in INTERFACES:
        (interfaces / name).write_bytes((tree / source).read_bytes())
    # -W ignore: the generator compares a number by identity, which newer Pythons remark on at each run.
    subprocess.run([sys.executable, "-B", "-W", "ignore", tree / "libsel4/tools/syscall_stub_gen.py",
                    "-a", "aarch64", "-w", "64", "-o", interfaces / "sel4_client.h",
                    *(tree / source for source, _ in (INTERFACES[1], INTERFACES[2], INTERFACES[0]))], check=True)


if __name__ == "__main__":
    step.run(main)
