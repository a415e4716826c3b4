#!/bin/sh
# Each wrong MUSLC_PREFIX is refused with one line that says what is wrong, by the script and by CMake; a right one is not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
check=$top/musl-target/check-muslc-prefix
cross=aarch64-linux-gnu-
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() { failed=$((failed + 1)); echo "FAILED  $1: $2"; }

refused() { # refused NAME FOLDER TEXT: the only line of output begins with MUSLC_PREFIX: and contains TEXT
    if said=$("$check" "$2" 2>&1); then bad "$1" "accepted"; return; fi
    case $said in
    *"
"*) bad "$1" "more than one line: $said" ;;
    "MUSLC_PREFIX: "*"$3"*) ok "$1" ;;
    *) bad "$1" "said: $said" ;;
    esac
}

object() { # object FILE: a C file from standard input
    "${cross}gcc" -O2 -ffreestanding -x c -c - -o "$1"
}

# The smallest prefix that is right: one member calls through __sysinfo, and one of muslc's assembly files has an svc.
good=$work/good
mkdir -p "$good/lib" "$good/include/bits"
touch "$good/include/stdio.h" "$good/include/bits/alltypes.h"
for f in crt1 crti crtn; do echo "int $f;" | object "$good/lib/$f.o"; done
echo 'extern unsigned long __sysinfo; long getpid(void) { return ((long (*)(long))__sysinfo)(172); }' | object "$work/getpid.o"
echo '__asm__("__clone: svc #0");' | object "$work/clone.o"
"${cross}ar" crs "$good/lib/libc.a" "$work/getpid.o" "$work/clone.o"
copy() { rm -rf "$work/wrong"; cp -r "$good" "$work/wrong"; }

if said=$("$check" "$good" 2>&1); then ok "a right prefix"; else bad "a right prefix" "$said"; fi
refused "no folder named" "" "no folder is named"
refused "a folder that is not there" "$work/none" "is not a folder"
mkdir "$work/empty"
refused "an empty folder" "$work/empty" "$work/empty is empty"
for f in lib/libc.a lib/crt1.o lib/crti.o lib/crtn.o include/stdio.h include/bits/alltypes.h; do
    copy
    rm "$work/wrong/$f"
    refused "without $f" "$work/wrong" "is incomplete: $f is missing"
done

copy
: >"$work/wrong/lib/libc.a"
refused "a libc.a without content" "$work/wrong" "lib/libc.a holds no object code"
# Another architecture: the machine number in the ELF header (e_machine, byte 18) of an object, 62 is x86-64.
foreign() { cp "$work/getpid.o" "$1" && printf '\076\000' | dd of="$1" bs=1 seek=18 conv=notrunc status=none; }
copy
foreign "$work/getpid-x86.o"
rm "$work/wrong/lib/libc.a"
"${cross}ar" crS "$work/wrong/lib/libc.a" "$work/getpid-x86.o"
refused "libc.a for another architecture" "$work/wrong" "lib/libc.a is for ELF64 Advanced Micro Devices X86-64"
copy
foreign "$work/wrong/lib/crti.o"
refused "crti.o for another architecture" "$work/wrong" "lib/crti.o is for ELF64 Advanced Micro Devices X86-64"

copy
for f in write read; do echo "void $f(void) { __asm__ volatile(\"svc #0\"); }" | object "$work/$f.lo"; done
"${cross}ar" crs "$work/wrong/lib/libc.a" "$work/write.lo" "$work/read.lo"
refused "a muslc that makes system calls" "$work/wrong" "not built with calls through __sysinfo: write.lo and 1 other members"
copy
"${cross}ar" d "$work/wrong/lib/libc.a" getpid.o
refused "a libc that never calls __sysinfo" "$work/wrong" "no member of it uses __sysinfo"

copy
echo 'const char __libc_version[] = "1.1.16";' | object "$work/version.o"
"${cross}ar" q "$work/wrong/lib/libc.a" "$work/version.o"
refused "a muslc that is too old" "$work/wrong" "lib/libc.a is musl 1.1.16, needed is 1.2"
echo 'const char __libc_version[] = "1.2.5";' | object "$work/version.o"
"${cross}ar" r "$work/wrong/lib/libc.a" "$work/version.o"
if said=$("$check" "$work/wrong" 2>&1); then ok "a muslc of 1.2"; else bad "a muslc of 1.2" "$said"; fi

# Any muslc of the user's own: skipped where none is given.
if [ -z "${MUSLC_PREFIX:-}" ]; then
    echo "skipped $check on an installed muslc: no MUSLC_PREFIX is given"
elif said=$("$check" "$MUSLC_PREFIX" 2>&1); then
    ok "the muslc in MUSLC_PREFIX"
else
    bad "the muslc in MUSLC_PREFIX" "$said"
fi

cat >"$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.20)
project(test LANGUAGES NONE)
include("$top/cmake/CheckMuslcPrefix.cmake")
check_muslc_prefix("\${MUSLC_PREFIX}")
END
if cmake -S "$work" -B "$work/build" "-DMUSLC_PREFIX=$good" >"$work/log" 2>&1; then
    ok "CMake takes a right prefix"
else
    bad "CMake takes a right prefix" "$(cat "$work/log")"
fi
if cmake -S "$work" -B "$work/build" "-DMUSLC_PREFIX=$work/empty" >"$work/log" 2>&1; then
    bad "CMake refuses a wrong prefix" "accepted"
elif grep -q "MUSLC_PREFIX: .*is empty" "$work/log" || tr '\n' ' ' <"$work/log" | grep -q "MUSLC_PREFIX: .* is *empty"; then
    ok "CMake refuses a wrong prefix"
else
    bad "CMake refuses a wrong prefix" "$(cat "$work/log")"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
