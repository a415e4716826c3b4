# SPDX-License-Identifier: BSD-2-Clause
"""Which of Rust's own tests there are: each suite is a test program of rust-src, or the part of one that has one subject.

Every test of every program is in a suite, also those that cannot work yet: not-run.txt names them, so that they are counted.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    name: str
    package: str
    # cargo's test target in the package; "lib": its unit tests.
    target: str
    # What it is about, for the table.
    subject: str
    # Parts of names: the tests of the program that are this suite's. Of the suites of one program the first that has a
    # fitting part takes a test, one without parts takes what the others left.
    parts: tuple = ()


def _std(target, subject):
    return Suite("std-" + target.replace("_", "-"), "std", target, subject)


SUITES = (
    Suite("coretests", "coretests", "coretests", "core"),
    Suite("alloctests-unit", "alloctests", "lib", "alloc, unit tests"),
    Suite("alloctests", "alloctests", "alloctests", "alloc"),
    Suite("alloctests-alloc-error", "alloctests", "vec_deque_alloc_error", "alloc, an allocation that fails"),
    Suite("std-unit-threads", "std", "lib", "std, unit tests: threads, sync, time",
          ("thread::tests", "sys::thread_local", "time::tests", "sync::")),
    _std("sync", "std::sync"),
    _std("thread", "std::thread"),
    _std("thread_local", "std::thread_local"),
    _std("time", "std::time"),
    _std("panic", "std::panic"),
    _std("env", "std::env"),
    _std("env_modify", "std::env, changing it"),
    _std("num", "numbers"),
    _std("istr", "strings"),
    _std("error", "std::error"),
    _std("eq-multidispatch", "language"),
    _std("builtin-clone", "language"),
    _std("ambiguous-hash_map", "language"),
    _std("log-knows-the-names-of-variants-in-std", "language"),
    _std("minmax-stability-issue-23687", "language"),
    _std("run-time-detect", "std::arch, features of the processor"),
    _std("seq-compare", "language"),
    _std("slice-from-array-issue-113238", "language"),
    _std("type-name-unsized", "language"),
    _std("volatile-fat-ptr", "language"),
    Suite("std-unit-files", "std", "lib", "std, unit tests: files, descriptors",
          ("fs::tests", "os::unix::fs", "os::fd", "sys::fd")),
    Suite("std-unit-net", "std", "lib", "std, unit tests: network",
          ("net::tcp", "net::udp", "net::socket_addr", "net::ip_addr", "os::net", "sys::net", "os::unix::net")),
    Suite("std-unit-processes", "std", "lib", "std, unit tests: processes",
          ("process::tests", "sys::process::", "sys::pal::unix::linux", "os::unix::process")),
    Suite("std-unit", "std", "lib", "std, unit tests: collections, io, ffi and the rest"),
    _std("path", "std::path"),
    _std("create_dir_all_bare", "std::fs"),
    _std("switch-stdout", "std::io on a descriptor that is exchanged"),
    _std("process_spawning", "std::process"),
)

# A program of std's tests that is its own main, without libtest.
WITHOUT_LIBTEST = {"pipe-subprocess": "starts a process: a root task is one process"}
# Programs that hold nothing on a Unix system.
OTHER_SYSTEMS = ("win_delete_self", "windows", "windows_unix_socket")


def programs():
    """The test programs that the suites are in, as (package, target), each once."""
    return list(dict.fromkeys((suite.package, suite.target) for suite in SUITES))


def tests_of(suite, names):
    """Those of a program's test `names` that belong to `suite`, in their order."""
    family = [other for other in SUITES if (other.package, other.target) == (suite.package, suite.target)]
    with_parts = [other for other in family if other.parts]
    rest = [other for other in family if not other.parts]

    def owner(name):
        for other in with_parts:
            if any(part in name for part in other.parts):
                return other
        return rest[0] if rest else None

    return [name for name in names if owner(name) is suite]
